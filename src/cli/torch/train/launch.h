// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

namespace assemble::cli {

/// Starts so many processes of the command that this program was given, on this machine, with the environment that
/// torchrun would leave, and watches them. None outlives this one. When one fails, the others are given time to say
/// whom they have lost, then killed.
/// @param stop sends them SIGTERM
/// @throws Error with the exit status of the first process that failed, or kStoppedStatus
void launch_processes(int processes, const std::stop_token& stop);

}  // namespace assemble::cli
