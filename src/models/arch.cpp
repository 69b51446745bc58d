// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/arch.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/models/registry.h"
#include "tweaks.h"

namespace assemble {
namespace {

constexpr int kMaxWidth = 4096;

/// A tweak as written: NAME, NUMBER and (ARGUMENTS), the last two optional.
struct TweakText {
  std::string name;
  std::optional<int> number;
  std::vector<std::string> arguments;
};

/// One line of the table: how a tweak is written, read into an Arch and printed again.
struct Tweak {
  const char* name;
  const char* form;                      ///< for messages
  bool (*set)(Arch&, const TweakText&);  ///< false when number or arguments do not fit
  std::string (*print)(const Arch&);     ///< empty when the tweak is off
};

std::optional<int> parse_int(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || text[0] == '-') return {};
  return value;
}

bool is_bare(const TweakText& text) { return !text.number && text.arguments.empty(); }

bool in_range(const TweakText& text, int low, int high) {
  return text.number && text.arguments.empty() && *text.number >= low && *text.number <= high;
}

bool set_flag(bool& flag, const TweakText& text) {
  flag = true;
  return is_bare(text);
}

bool set_se(Arch& arch, const TweakText& text) {
  arch.se_ratio = text.number.value_or(16);
  return text.arguments.empty() && arch.se_ratio >= 1 && arch.se_ratio <= 1024;
}

bool set_big_little(Arch& arch, const TweakText& text) {
  arch.big_little = true;
  if (is_bare(text)) return true;
  if (text.number || text.arguments.size() != 2) return false;
  const auto alpha = parse_int(text.arguments[0]);
  const auto beta = parse_int(text.arguments[1]);
  if (!alpha || !beta || *alpha < 1 || *beta < 1) return false;
  arch.alpha = *alpha;
  arch.beta = *beta;
  return true;
}

bool set_blur(Arch& arch, const TweakText& text) {
  arch.blur_conv = text.arguments.empty();
  arch.blur_size = text.number.value_or(0);
  for (const std::string& place : text.arguments) {
    bool* flag = place == "sconv"  ? &arch.blur_conv
                 : place == "proj" ? &arch.blur_projection
                 : place == "max"  ? &arch.blur_max
                                   : nullptr;
    if (!flag || *flag) return false;
    *flag = true;
  }
  return arch.blur_size >= 1 && arch.blur_size <= 7;
}

std::string print_blur(const Arch& arch) {
  if (arch.blur_size == 0) return "";
  std::vector<std::string> places;
  if (arch.blur_max) places.emplace_back("max");
  if (arch.blur_projection) places.emplace_back("proj");
  if (arch.blur_conv) places.emplace_back("sconv");
  const bool usual = arch.blur_conv && places.size() == 1;
  return concat("aa", arch.blur_size, usual ? "" : concat("(", join(places, ","), ")"));
}

bool set_pool(Arch& arch, PoolType pool, const TweakText& text) {
  arch.pool = pool;
  return is_bare(text);
}

/// Every tweak, in the order of the canonical string. A new technique adds its line here.
const std::array<Tweak, 14> kTweaks{{
    {"d", "d", [](Arch& a, const TweakText& t) { return set_flag(a.resnet_d, t); },
     [](const Arch& a) { return std::string(a.resnet_d ? "d" : ""); }},
    {"bl", "bl or bl(ALPHA,BETA), both >= 1", set_big_little,
     [](const Arch& a) {
       if (!a.big_little) return std::string();
       return a.alpha == 2 && a.beta == 4 ? std::string("bl") : concat("bl(", a.alpha, ",", a.beta, ")");
     }},
    {"se", "se or seR, R = 1 … 1024", set_se,
     [](const Arch& a) {
       return a.se_ratio == 0 ? std::string() : a.se_ratio == 16 ? std::string("se") : concat("se", a.se_ratio);
     }},
    {"eca", "eca", [](Arch& a, const TweakText& t) { return set_flag(a.eca, t); },
     [](const Arch& a) { return std::string(a.eca ? "eca" : ""); }},
    {"sk", "sk", [](Arch& a, const TweakText& t) { return set_flag(a.selective_kernel, t); },
     [](const Arch& a) { return std::string(a.selective_kernel ? "sk" : ""); }},
    {"aa", "aaN or aaN(PLACES), N = 1 … 7, places from sconv, proj, max", set_blur, print_blur},
    {"gem", "gem", [](Arch& a, const TweakText& t) { return set_pool(a, PoolType::kGeM, t); },
     [](const Arch& a) { return std::string(a.pool == PoolType::kGeM ? "gem" : ""); }},
    {"flatten", "flatten", [](Arch& a, const TweakText& t) { return set_pool(a, PoolType::kFlatten, t); },
     [](const Arch& a) { return std::string(a.pool == PoolType::kFlatten ? "flatten" : ""); }},
    {"emb", "embN, N = 1 … 65536",
     [](Arch& a, const TweakText& t) {
       a.embedding = t.number.value_or(0);
       return in_range(t, 1, 65536);
     },
     [](const Arch& a) { return a.embedding == 0 ? std::string() : concat("emb", a.embedding); }},
    {"nodown", "nodown", [](Arch& a, const TweakText& t) { return set_flag(a.no_downsample, t); },
     [](const Arch& a) { return std::string(a.no_downsample ? "nodown" : ""); }},
    {"w", "wN, N = 1 … 4096",
     [](Arch& a, const TweakText& t) {
       a.width = t.number.value_or(0);
       return in_range(t, 1, kMaxWidth);
     },
     [](const Arch& a) { return a.width == network_kind(a.base).width ? std::string() : concat("w", a.width); }},
    {"timm", "timm", [](Arch& a, const TweakText& t) { return set_flag(a.timm, t); },
     [](const Arch& a) { return std::string(a.timm ? "timm" : ""); }},
    {"slim", "slim", [](Arch& a, const TweakText& t) { return set_flag(a.slim, t); },
     [](const Arch& a) { return std::string(a.slim ? "slim" : ""); }},
    {"tf", "tf2",
     [](Arch& a, const TweakText& t) {
       a.tf2 = true;
       return in_range(t, 2, 2);
     },
     [](const Arch& a) { return std::string(a.tf2 ? "tf2" : ""); }},
}};

/// "emb64" as "embN".
std::vector<std::string> forms_of(const NetworkKind& kind) {
  std::vector<std::string> forms;
  for (const std::string& name : kind.tweaks) {
    const auto tweak = std::ranges::find(kTweaks, name, &Tweak::name);
    forms.emplace_back(std::string_view(tweak->form).substr(0, std::string_view(tweak->form).find(',')));
  }
  return forms;
}

std::string allowed_tweaks() {
  std::vector<std::string> forms;
  forms.reserve(std::size(kTweaks));
  for (const Tweak& tweak : kTweaks) forms.emplace_back(tweak.form);
  return join(forms, "; ");
}

[[noreturn]] void refuse(const std::string& arch, const std::string& what, const std::string& hint) {
  throw UsageError(concat("arch '", arch, "'"), what, hint);
}

TweakText read_tweak(const std::string& arch, const std::string& text) {
  TweakText tweak;
  const size_t open = text.find('(');
  std::string head = text.substr(0, open);
  if (open != std::string::npos) {
    if (text.back() != ')' || text.find('(', open + 1) != std::string::npos) {
      refuse(arch, concat("'", text, "' has unbalanced parentheses"), "write it like aa3(proj,sconv)");
    }
    tweak.arguments = split(text.substr(open + 1, text.size() - open - 2), ',');
  }
  const size_t digits = std::min(head.find_first_of("0123456789"), head.size());
  tweak.name = head.substr(0, digits);
  if (digits < head.size()) {
    tweak.number = parse_int(std::string_view(head).substr(digits));
    if (!tweak.number) tweak.name = head;  // letters after the digits: no tweak looks like that
  }
  return tweak;
}

const Tweak& find_tweak(const std::string& arch, const std::string& text, const std::string& name) {
  for (const Tweak& tweak : kTweaks) {
    if (name == tweak.name) return tweak;
  }
  const std::string match = nearest(name, tweak_names());
  refuse(arch, concat("unknown tweak '", text, "'", match.empty() ? "" : concat(", did you mean '", match, "'?")),
         concat("allowed: ", allowed_tweaks()));
}

std::string expand_preset(const std::string& text) {
  const size_t end = std::min(text.find('+'), text.size());
  for (const Preset& preset : presets()) {
    if (text.substr(0, end) == preset.name) return preset.arch + text.substr(end);
  }
  return text;
}

const NetworkKind& find_base(const std::string& text, const std::string& base) {
  if (const NetworkKind* kind = find_network(base)) return *kind;
  const std::vector<std::string> bases = network_names();
  std::vector<std::string> candidates = bases;
  for (const Preset& preset : presets()) candidates.push_back(preset.name);
  const std::string match = nearest(base, candidates);
  refuse(text, concat("unknown base '", base, "'", match.empty() ? "" : concat(", did you mean '", match, "'?")),
         concat("bases: ", join(bases, ", "), "; presets: see `assemble model list`; a network of your own must be ",
                "registered first (register_network)"));
}

void check_tweak(const std::string& text, const std::string& part, const Tweak& tweak, const NetworkKind& kind) {
  if (std::find(kind.tweaks.begin(), kind.tweaks.end(), tweak.name) != kind.tweaks.end()) return;
  refuse(text, concat("tweak '", part, "' does not fit ", kind.name),
         kind.tweaks.empty() ? "it takes none" : concat("it takes ", join(forms_of(kind), ", ")));
}

void check_combination(const Arch& arch, const std::string& text, const std::set<std::string>& given) {
  if (given.count("gem") + given.count("flatten") > 1) {
    refuse(text, "more than one pooling", "keep one of gem and flatten");
  }
  if (arch.eca && arch.se_ratio > 0) refuse(text, "se and eca weigh the same channels", "keep one of se and eca");
  if (arch.big_little && arch.timm) {
    refuse(text, "timm and torchvision have no big-little networks", "leave out timm or bl");
  }
  if (arch.timm && (arch.slim || arch.tf2)) {
    refuse(text, concat("timm builds another network than ", arch.slim ? "TensorFlow-Slim" : "the original"),
           concat("keep one of timm and ", arch.slim ? "slim" : "tf2"));
  }
  if (arch.tf2 && !arch.resnet_d && !arch.big_little) {
    refuse(text, "tf2 says how d and bl are built", "add one of them, or leave tf2 out");
  }
  if (arch.big_little && arch.width / arch.alpha < 1) {
    refuse(text, concat("width ", arch.width, " leaves no channel after division by alpha ", arch.alpha),
           concat("use w", arch.alpha, " or more"));
  }
  if (arch.resnet_d && arch.width < 2) refuse(text, "d halves the stem's width, which is 1", "use w2 or more");
}

}  // namespace

std::vector<std::string> tweak_names() {
  std::vector<std::string> names;
  names.reserve(std::size(kTweaks));
  for (const Tweak& tweak : kTweaks) names.emplace_back(tweak.name);
  return names;
}

Arch Arch::parse(const std::string& text) {
  const std::vector<std::string> parts = split(expand_preset(text), '+');
  Arch arch;
  const NetworkKind& kind = find_base(text, parts.empty() ? "" : parts[0]);
  arch.base = kind.name;
  arch.width = kind.width;
  std::set<std::string> given;
  for (size_t i = 1; i < parts.size(); ++i) {
    const TweakText tweak_text = read_tweak(text, parts[i]);
    const Tweak& tweak = find_tweak(text, parts[i], tweak_text.name);
    if (!given.insert(tweak.name).second) {
      refuse(text, concat("tweak '", tweak.name, "' is given twice"), "keep one (a preset brings its own tweaks)");
    }
    check_tweak(text, parts[i], tweak, kind);
    if (!tweak.set(arch, tweak_text))
      refuse(text, concat("cannot read '", parts[i], "'"), concat("write ", tweak.form));
  }
  check_combination(arch, text, given);
  return arch;
}

std::string Arch::str() const {
  std::string text = base;
  for (const Tweak& tweak : kTweaks) {
    const std::string part = tweak.print(*this);
    if (!part.empty()) text += "+" + part;
  }
  return text;
}

}  // namespace assemble
