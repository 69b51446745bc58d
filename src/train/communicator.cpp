// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/communicator.h"

#include <unistd.h>

#include <climits>
#include <set>
#include <torch/csrc/distributed/c10d/comm.hpp>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/nn/cuda_runtime.h"
#include "c10d.h"
#include "job_store.h"
#include "rank_watch.h"

namespace assemble {
namespace {

constexpr size_t kBroadcastBytes = 25 << 20;  // at a time

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

/// Over LibTorch's process group.
class GroupCommunicator : public Communicator {
 public:
  GroupCommunicator(const Ranks& ranks, const ConnectOptions& options)
      : ranks_(ranks),
        hint_(options.hint),
        store_(open_store(ranks, options.to_start)),
        watch_(std::make_unique<RankWatch>(ranks, *store_, options.to_start, options.to_answer, options.on_lost)) {
    guarded([&] { group_ = make_gloo_group(store_, ranks, options.to_meet); });
  }

  ~GroupCommunicator() override {
    watch_.reset();
    if (!has_failed_) return;
    // Their ends would wait for exchanges with a rank that hangs.
    (void)reducer_.release();
    (void)group_.release();
  }

  int rank() const override { return ranks_.rank; }
  int world() const override { return ranks_.world; }

  void sum(std::span<double> values) override {
    std::vector tensors{torch::from_blob(values.data(), {static_cast<int64_t>(values.size())}, torch::kDouble)};
    guarded([&] { group_->allreduce(tensors)->wait(); });
  }

  torch::Tensor gather(const torch::Tensor& values) override {
    torch::Tensor input = values.contiguous();
    torch::Tensor all = torch::empty({world() * values.numel()}, values.options());
    guarded([&] { group_->_allgather_base(all, input)->wait(); });
    return all.view({world(), values.numel()});
  }

  std::vector<std::string> gather(const std::string& text) override {
    const torch::Tensor sizes = gather(torch::tensor({static_cast<int64_t>(text.size())}));
    torch::Tensor padded = torch::zeros({sizes.max().item<int64_t>() + 1}, torch::kByte);  // never empty
    std::copy(text.begin(), text.end(), padded.data_ptr<uint8_t>());
    const torch::Tensor all = gather(padded);
    std::vector<std::string> texts;
    for (int64_t rank = 0; rank < world(); ++rank) {
      const uint8_t* bytes = all[rank].data_ptr<uint8_t>();
      texts.emplace_back(bytes, bytes + sizes[rank][0].item<int64_t>());
    }
    return texts;
  }

  void broadcast(const std::vector<torch::Tensor>& tensors) override {
    const torch::NoGradGuard no_grad;
    guarded([&] { c10d::broadcast_coalesced(group_, tensors, kBroadcastBytes); });
  }

  void average(const std::vector<torch::Tensor>& tensors) override {
    if (tensors.empty()) return;
    const torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> flat;
    for (const torch::Tensor& tensor : tensors) flat.push_back(tensor.flatten());
    std::vector all{torch::cat(flat)};
    guarded([&] { group_->allreduce(all)->wait(); });
    all[0].div_(world());
    int64_t begin = 0;
    for (torch::Tensor tensor : tensors) {
      tensor.copy_(all[0].narrow(0, begin, tensor.numel()).view(tensor.sizes()));
      begin += tensor.numel();
    }
  }

  void compute_on(torch::Device device) override {
    if (!device.is_cuda()) return;
    const std::vector<std::string> devices = gather(concat(host_name(), ' ', device.str()));
    const bool has_own_each = std::set(devices.begin(), devices.end()).size() == devices.size();
    if (is_first() && !has_own_each) log_warning("processes share a device: they are connected by Gloo, not by NCCL");
    waits_for_cpu_ = !has_own_each;
    guarded([&] { use_device(group_, store_, has_own_each ? DeviceLink::kNccl : DeviceLink::kGloo, cuda_runtime()); });
  }

  void share_gradients(const std::vector<torch::Tensor>& parameters) override {
    std::vector<std::pair<std::string, std::string>> sizes;
    for (size_t i = 0; i < parameters.size(); ++i) {
      sizes.emplace_back(concat("parameter ", i), concat(parameters[i].sizes()));
    }
    require_same(*this, sizes);
    guarded([&] {
      reducer_.reset();
      reducer_ = make_reducer(parameters, group_);
    });
  }

  bool waits_for_cpu() const override { return waits_for_cpu_; }

  void backward(const torch::Tensor& loss, bool synchronise) override {
    guarded([&] {
      if (synchronise) {
        reducer_->rebuild_buckets();
        reducer_->prepare_for_backward({});
      }
      loss.backward();
    });
  }

  void fail(const std::string& error) override {
    has_failed_ = true;
    watch_->fail(error);
  }

 private:
  /// An exchange that fails says which connection was closed, and not why.
  template <typename Work>
  void guarded(const Work& work) {
    try {
      work();
    } catch (const std::exception&) {
      has_failed_ = true;
      const std::optional<std::string> reason = watch_->reason();
      if (!reason) throw;
      throw RunError("", *reason, hint_);
    }
  }

  const Ranks ranks_;
  const std::string hint_;
  Store store_;
  std::unique_ptr<RankWatch> watch_;
  ProcessGroup group_;
  std::unique_ptr<c10d::Reducer> reducer_;
  bool has_failed_ = false;
  bool waits_for_cpu_ = false;
};

}  // namespace

void Communicator::backward(const torch::Tensor& loss, bool) { loss.backward(); }

std::unique_ptr<Communicator> connect(const Ranks& ranks, const ConnectOptions& options) {
  ranks.check();
  if (ranks.world == 1) return std::make_unique<Communicator>();
  return std::make_unique<GroupCommunicator>(ranks, options);
}

}  // namespace assemble
