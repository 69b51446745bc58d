// SPDX-License-Identifier: Apache-2.0
#include "check/duplicates.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <unordered_map>

#include "assemble/core/checksum.h"
#include "assemble/core/progress.h"
#include "assemble/core/text.h"
#include "check/alignment.h"
#include "check/hash_index.h"
#include "check/perceptual_hash.h"

namespace assemble::check {
namespace {

/// Images that hardly have details are not compared: all of them look alike.
constexpr float kLeastDeviation = 1;
/// Of very many images that share most of a hash, so many are compared, those that share most of it first.
constexpr size_t kMostCompared = 32;
/// Images whose comparisons know the groups found by then: a fixed number, so that threads do not change the result.
constexpr int64_t kBatch = 2048;

/// Why two images are in one group.
struct Link {
  size_t a, b;
  Likeness likeness;
};

/// Sets of images that were linked.
class Groups {
 public:
  explicit Groups(size_t count) : parents_(count) { std::iota(parents_.begin(), parents_.end(), size_t{0}); }

  size_t root(size_t i) const {
    while (parents_[i] != i) i = parents_[i];
    return i;
  }
  bool linked(size_t a, size_t b) const { return root(a) == root(b); }
  /// Keeps the link where it is the first between two sets.
  void link(const Link& link) {
    const size_t a = root(link.a), b = root(link.b);
    if (a == b) return;
    parents_[std::max(a, b)] = std::min(a, b);
    links_.push_back(link);
  }
  std::vector<Link>& links() { return links_; }
  const std::vector<Link>& links() const { return links_; }

 private:
  std::vector<size_t> parents_;
  std::vector<Link> links_;
};

/// An image that shares most of a hash with another one, and which part of the other it may show.
struct Match {
  size_t part;
  int bits;
  size_t pose;
};

class Search {
 public:
  Search(const std::vector<Candidate>& images, ThreadPool& pool, const LookAgain& again)
      : images_(images), pool_(pool), again_(again), groups_(images.size()) {}

  /// Files of the same bytes; the others go on.
  void link_same_bytes() {
    std::unordered_map<std::string_view, size_t> first;
    for (size_t i = 0; i < images_.size(); ++i) {
      const auto [found, is_new] = first.emplace(images_[i].contents, i);
      if (!is_new) {
        groups_.link({found->second, i, Likeness::kSameBytes});
      } else if (images_[i].height > 0) {
        distinct_.push_back(i);
      }
    }
  }

  void link_alike() {
    std::vector<size_t> detailed;
    for (const size_t i : distinct_) {
      if (images_[i].small.deviation >= kLeastDeviation) detailed.push_back(i);
    }
    const auto count = static_cast<int64_t>(detailed.size());
    std::vector<std::vector<uint64_t>> hashes(detailed.size());
    pool_.parallel_for(count, [&](int64_t i) {
      hashes[static_cast<size_t>(i)] = hashes_of(images_[detailed[static_cast<size_t>(i)]].small);
    });
    std::vector<uint64_t> of_wholes;
    of_wholes.reserve(hashes.size());
    for (const std::vector<uint64_t>& all : hashes) of_wholes.push_back(all.front());
    const HashIndex index(std::move(of_wholes));
    Progress progress("comparing", count, "images");
    for (int64_t begin = 0; begin < count; begin += kBatch) {
      const int64_t end = std::min(begin + kBatch, count);
      std::vector<std::vector<Link>> links(static_cast<size_t>(end - begin));
      pool_.parallel_for(end - begin, [&](int64_t i) {
        links[static_cast<size_t>(i)] = links_of(static_cast<size_t>(begin + i), detailed, hashes, index);
      });
      for (const std::vector<Link>& some : links) {
        for (const Link& link : some) groups_.link(link);
      }
      progress.advance(end - begin);
    }
  }

  /// Looks at all pixels of those that may be the same: in other words at what was compared small so far.
  void link_same_pixels() {
    std::map<size_t, std::string> pixels;
    for (const std::vector<size_t>& same : of_same_small_image()) {
      for (const size_t i : same) pixels[i];
    }
    for (const Link& link : groups_.links()) {
      if (link.likeness != Likeness::kReencoded) continue;
      pixels[link.a];
      pixels[link.b];
    }
    std::vector<std::pair<const size_t, std::string>*> all;
    all.reserve(pixels.size());
    for (auto& entry : pixels) all.push_back(&entry);
    pool_.parallel_for(static_cast<int64_t>(all.size()), [&](int64_t i) {
      auto& [place, hash] = *all[static_cast<size_t>(i)];
      hash = again_.pixels(images_[place].image);
    });
    for (Link& link : groups_.links()) {
      const bool same =
          link.likeness == Likeness::kReencoded && !pixels[link.a].empty() && pixels[link.a] == pixels[link.b];
      if (same) link.likeness = Likeness::kSamePixels;
    }
    std::map<std::string, size_t> first;
    for (const auto& [place, hash] : pixels) {
      if (hash.empty()) continue;
      const auto [found, is_new] = first.emplace(hash, place);
      if (!is_new) groups_.link({found->second, place, Likeness::kSamePixels});
    }
  }

  std::vector<DuplicateGroup> groups() const {
    std::map<size_t, std::vector<std::pair<size_t, Likeness>>> links;
    std::set<size_t> linked;
    for (const Link& link : groups_.links()) {
      links[link.a].emplace_back(link.b, link.likeness);
      links[link.b].emplace_back(link.a, link.likeness);
      linked.insert({link.a, link.b});
    }
    std::vector<DuplicateGroup> groups;
    std::set<size_t> done;
    for (const size_t first : linked) {
      if (done.insert(first).second) groups.push_back(group_from(first, links, done));
    }
    return groups;
  }

 private:
  using LinksOf = std::map<size_t, std::vector<std::pair<size_t, Likeness>>>;

  /// Walks from the first image over the links.
  DuplicateGroup group_from(size_t first, const LinksOf& links, std::set<size_t>& done) const {
    DuplicateGroup group;
    group.members.push_back({images_[first].image, images_[first].image, Likeness::kSameBytes});
    std::vector<size_t> open{first};
    for (size_t next = 0; next < open.size(); ++next) {
      for (const auto& [other, likeness] : links.at(open[next])) {
        if (!done.insert(other).second) continue;
        group.members.push_back({images_[other].image, images_[open[next]].image, likeness});
        group.near = group.near || likeness > Likeness::kSamePixels;
        open.push_back(other);
      }
    }
    std::ranges::sort(group.members, {}, &DuplicateMember::image);
    return group;
  }

  std::vector<std::vector<size_t>> of_same_small_image() const {
    std::map<std::string, std::vector<size_t>> by_look;
    for (const size_t i : distinct_) {
      const Candidate& image = images_[i];
      const std::string look =
          concat(content_hash(image.small.luma), content_hash(image.small.colour), image.height, "x", image.width);
      by_look[look].push_back(i);
    }
    std::vector<std::vector<size_t>> same;
    for (auto& [look, places] : by_look) {
      if (places.size() > 1) same.push_back(std::move(places));
    }
    return same;
  }

  /// The images that may show what poses of one show, those that share most of a hash first.
  std::vector<Match> matches_of(size_t whole, const std::vector<std::vector<uint64_t>>& hashes,
                                const HashIndex& index) const {
    std::map<size_t, Match> best;
    for (size_t pose = 0; pose < hashes[whole].size(); ++pose) {
      index.search(hashes[whole][pose], [&](uint32_t part, int bits) {
        // Of wholes the later image finds the earlier one too.
        if (part == whole || (poses()[pose].scale == 1 && part < whole)) return;
        const auto [found, is_new] = best.emplace(part, Match{part, bits, pose});
        if (!is_new && bits < found->second.bits) found->second = {part, bits, pose};
      });
    }
    std::vector<Match> matches;
    matches.reserve(best.size());
    for (const auto& [part, match] : best) matches.push_back(match);
    std::ranges::stable_sort(matches, {}, &Match::bits);
    return matches;
  }

  std::vector<Link> links_of(size_t whole, const std::vector<size_t>& detailed,
                             const std::vector<std::vector<uint64_t>>& hashes, const HashIndex& index) const {
    std::vector<Link> links;
    size_t compared = 0;
    for (const Match& match : matches_of(whole, hashes, index)) {
      const size_t a = detailed[whole], b = detailed[match.part];
      if (groups_.linked(a, b)) continue;
      if (++compared > kMostCompared) break;
      const Alignment alignment = align(images_[a].small, images_[b].small, poses()[match.pose]);
      if (alignment.may_be_duplicate() && are_same(a, b, alignment))
        links.push_back({a, b, likeness_of(a, b, alignment)});
    }
    return links;
  }

  bool are_same(size_t a, size_t b, const Alignment& alignment) const {
    const Image whole = again_.at_reduced_size(images_[a].image), part = again_.at_reduced_size(images_[b].image);
    return !whole.pixels.empty() && !part.pixels.empty() && are_same_details(whole, part, alignment);
  }

  Likeness likeness_of(size_t a, size_t b, const Alignment& alignment) const {
    if (alignment.mirrored) return Likeness::kMirrored;
    if (alignment.is_crop()) return Likeness::kCropped;
    const bool same_size = images_[a].height == images_[b].height && images_[a].width == images_[b].width;
    return same_size ? Likeness::kReencoded : Likeness::kResized;
  }

  const std::vector<Candidate>& images_;
  ThreadPool& pool_;
  const LookAgain& again_;
  Groups groups_;
  std::vector<size_t> distinct_;  ///< decoded, the first of each contents
};

}  // namespace

std::vector<DuplicateGroup> find_duplicates(const std::vector<Candidate>& images, ThreadPool& pool,
                                            const LookAgain& again) {
  Search search(images, pool, again);
  search.link_same_bytes();
  search.link_alike();
  search.link_same_pixels();
  return search.groups();
}

}  // namespace assemble::check
