// SPDX-License-Identifier: Apache-2.0
#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif
#include "c10d.h"

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <optional>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <type_traits>

namespace assemble {
namespace {

constexpr int64_t kSmallestBucket = 64 << 10;  // bytes
constexpr int64_t kLargestBucket = c10d::kDefaultBucketBytesCap;
/// The last bucket leaves when backward ends: it is to be a small part of all.
constexpr int64_t kBuckets = 20;
constexpr std::chrono::minutes kNcclTimeout(30);  // ranks that are lost are found before

/// This machine's address in the network that leads to another; empty where there is none.
std::string own_address_towards(const std::string& address) {
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_DGRAM;  // connecting one sends nothing
  if (getaddrinfo(address.c_str(), "9", &wanted, &found) != 0) return "";
  std::string own;
  for (const addrinfo* target = found; target != nullptr && own.empty(); target = target->ai_next) {
    const int socket = ::socket(target->ai_family, target->ai_socktype, 0);
    sockaddr_storage local{};
    socklen_t size = sizeof local;
    char text[NI_MAXHOST];
    const bool reached =
        socket >= 0 && ::connect(socket, target->ai_addr, target->ai_addrlen) == 0 &&
        getsockname(socket, reinterpret_cast<sockaddr*>(&local), &size) == 0 &&
        getnameinfo(reinterpret_cast<sockaddr*>(&local), size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0;
    if (reached) own = text;
    if (socket >= 0) close(socket);
  }
  freeaddrinfo(found);
  return own;
}

bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

std::shared_ptr<gloo::transport::Device> gloo_device(const Ranks& ranks) {
  if (const char* interface = std::getenv("GLOO_SOCKET_IFNAME")) {
    return c10d::ProcessGroupGloo::createDeviceForInterface(interface);
  }
  const std::string own = own_address_towards(ranks.address);
  const bool others_elsewhere = ranks.rank == 0 && ranks.world > ranks.local_world;
  return own.empty() || (is_loopback(own) && others_elsewhere) ? c10d::ProcessGroupGloo::createDefaultDevice()
                                                               : c10d::ProcessGroupGloo::createDeviceForHostname(own);
}

/// Has a stream of its own be the current one, of a CUDA device, until the end of a scope.
class OnSideStream {
 public:
  explicit OnSideStream(torch::Device device) {
    if (!device.is_cuda()) return;
    const c10::impl::VirtualGuardImpl streams(device.type());
    const c10::Stream current = streams.getStream(device), side = streams.getStreamFromGlobalPool(device);
    c10::Event before(device.type());
    before.record(current);
    before.block(side);
    guard_.emplace(side);
  }

 private:
  std::optional<c10::StreamGuard> guard_;
};

/// The constructors of LibTorch's versions, which grew at their ends.
template <typename Reducer, typename... Given>
std::unique_ptr<Reducer> construct_reducer(int64_t bucket, const Given&... given) {
  using Caps = std::vector<int64_t>;
  if constexpr (std::is_constructible_v<Reducer, const Given&..., int64_t, bool, bool, Caps>) {
    return std::make_unique<Reducer>(given..., bucket, false, false, Caps{});
  } else if constexpr (std::is_constructible_v<Reducer, const Given&..., int64_t, bool, bool>) {
    return std::make_unique<Reducer>(given..., bucket, false, false);
  } else {
    return std::make_unique<Reducer>(given..., bucket);
  }
}

}  // namespace

ProcessGroup make_gloo_group(const Store& store, const Ranks& ranks, std::chrono::milliseconds timeout) {
  const auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  options->devices = {gloo_device(ranks)};
  const auto group = c10::make_intrusive<c10d::ProcessGroup>(store, ranks.rank, ranks.world);
  group->setBackend(torch::kCPU, c10d::ProcessGroup::GLOO,
                    c10::make_intrusive<c10d::ProcessGroupGloo>(store, ranks.rank, ranks.world, options));
  group->setDefaultBackend(c10d::ProcessGroup::GLOO);
  return group;
}

void use_device(const ProcessGroup& group, const Store& store, DeviceLink link, const CudaRuntime* cuda) {
  if (link == DeviceLink::kGloo) {
    group->setBackend(torch::kCUDA, c10d::ProcessGroup::GLOO, group->getBackend(torch::kCPU));
    return;
  }
  const auto own_keys = c10::make_intrusive<c10d::PrefixStore>("nccl", store);
  group->setBackend(torch::kCUDA, c10d::ProcessGroup::NCCL,
                    cuda->nccl(own_keys, group->getRank(), group->getSize(), kNcclTimeout));
}

std::unique_ptr<c10d::Reducer> make_reducer(const std::vector<torch::Tensor>& parameters, const ProcessGroup& group) {
  int64_t bytes = 0;
  for (const torch::Tensor& parameter : parameters) bytes += static_cast<int64_t>(parameter.nbytes());
  const int64_t bucket = std::clamp(bytes / kBuckets, kSmallestBucket, kLargestBucket);
  auto buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(parameters, {static_cast<size_t>(bucket)}));
  std::reverse(buckets.begin(), buckets.end());  // gradients come from the last layer first
  // Gradients are accumulated on the stream that is current here. A CUDA graph cannot hold work of the default one.
  const OnSideStream on_side(parameters.at(0).device());
  auto reducer = construct_reducer<c10d::Reducer>(
      bucket, parameters, buckets, group, std::vector<bool>(parameters.size(), false), bucket,
      /*find_unused_parameters=*/false, /*gradient_as_bucket_view=*/false, std::unordered_map<size_t, std::string>());
  // It would take times now and then, which nobody reads and a CUDA graph cannot hold.
  reducer->set_ddp_runtime_logging_sample_rate(std::numeric_limits<int>::max());
  return reducer;
}

}  // namespace assemble
