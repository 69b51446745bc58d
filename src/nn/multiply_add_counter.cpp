// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/multiply_add_counter.h"

namespace assemble::nn {
namespace {

thread_local MultiplyAddCounter* innermost = nullptr;

}  // namespace

MultiplyAddCounter::MultiplyAddCounter() : outer_(innermost) { innermost = this; }

MultiplyAddCounter::~MultiplyAddCounter() { innermost = outer_; }

void MultiplyAddCounter::add(int64_t multiply_adds) {
  if (innermost) innermost->total_ += multiply_adds;
}

}  // namespace assemble::nn
