// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <torch/cuda.h>
#include <torch/version.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/core/thread_pool.h"
#include "assemble/io/safetensors.h"

namespace assemble {
namespace {

constexpr const char* kConfig = "config.toml";
constexpr const char* kEnvironment = "environment.json";
constexpr const char* kReport = "report.html";
constexpr const char* kSummaryBegin = "epoch,step,learning_rate,train_loss,";

std::string summary_header(const EpochSummary& summary) {
  std::string header = kSummaryBegin;
  for (const auto& [name, value] : summary.validation) header += (name == "loss" ? "validation_loss" : name) + ",";
  return header + "images_per_second,data_wait_share,seconds,peak_memory_mib";
}

void append(const fs::path& path, const std::string& text) {
  std::ofstream stream(path, std::ios::app | std::ios::binary);
  stream << text << std::flush;
  if (!stream) throw RunError(path.string(), "cannot be written", "is the disk full?");
}

std::string first_line(const fs::path& path) {
  std::ifstream stream(path);
  std::string line;
  std::getline(stream, line);
  return line;
}

/// Keeps the lines for which `keep` is true.
void filter_lines(const fs::path& path, const std::function<bool(const std::string&)>& keep) {
  std::ifstream stream(path);
  if (!stream) return;
  std::string kept;
  for (std::string line; std::getline(stream, line);) {
    if (keep(line)) kept += line + "\n";
  }
  write_file(path, kept);
}

/// Of a line that was written in part: the step after all others.
constexpr int64_t kLost = std::numeric_limits<int64_t>::max();

int64_t metrics_step(const std::string& line) {
  const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const bool whole = json.is_object() && json.contains("step") && json["step"].is_number_integer();
  return whole ? json["step"].get<int64_t>() : kLost;
}

int64_t summary_step(const std::string& line, size_t columns) {
  const std::vector<std::string> cells = split(line, ',');
  return cells.size() == columns ? std::strtoll(cells[1].c_str(), nullptr, 10) : kLost;
}

double number(const std::string& cell, const std::string& where) {
  std::string_view rest;
  const std::optional<double> value = parse_number(cell, &rest);
  if (value && rest.empty()) return *value;
  throw InputError(where, "'" + cell + "' is no number", "expected the summary.csv of a training run");
}

EpochSummary summary_of(const std::vector<std::string>& columns, const std::vector<std::string>& cells,
                        const std::string& where) {
  if (cells.size() != columns.size()) {
    throw InputError(where, concat(cells.size(), " cells, expected ", columns.size()));
  }
  EpochSummary summary;
  const std::map<std::string, double*> fields{{"learning_rate", &summary.learning_rate},
                                              {"train_loss", &summary.train_loss},
                                              {"images_per_second", &summary.images_per_second},
                                              {"data_wait_share", &summary.data_wait_share},
                                              {"seconds", &summary.seconds},
                                              {"peak_memory_mib", &summary.peak_memory_mib}};
  for (size_t i = 0; i < columns.size(); ++i) {
    const double value = number(cells[i], where);
    if (const auto field = fields.find(columns[i]); field != fields.end()) {
      *field->second = value;
    } else if (columns[i] == "epoch") {
      summary.epoch = static_cast<int64_t>(value);
    } else if (columns[i] == "step") {
      summary.step = static_cast<int64_t>(value);
    } else {
      summary.validation.emplace_back(columns[i] == "validation_loss" ? "loss" : columns[i], value);
    }
  }
  return summary;
}

}  // namespace

std::vector<EpochSummary> read_summary(const fs::path& run) {
  const fs::path path = run / "summary.csv";
  const Bytes bytes = read_file(path, uint64_t{1} << 26);
  std::vector<std::string> lines = split(std::string(bytes.begin(), bytes.end()), '\n');
  if (!lines[0].starts_with(kSummaryBegin)) {
    throw InputError(path.string(), concat("does not begin with ", kSummaryBegin), "expected that of a training run");
  }
  const std::vector<std::string> columns = split(lines[0], ',');
  std::vector<EpochSummary> summaries;
  for (size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    summaries.push_back(summary_of(columns, split(lines[i], ','), concat(path.string(), ", line ", i + 1)));
  }
  return summaries;
}

RunFolder::RunFolder(fs::path folder, bool resume, bool overwrite) : folder_(std::move(folder)) {
  const fs::path files[] = {checkpoint(), last(), best(), folder_ / "metrics.jsonl", folder_ / "summary.csv"};
  const bool holds_run =
      std::any_of(std::begin(files), std::end(files), [](const fs::path& f) { return fs::exists(f); });
  const fs::path marks[] = {checkpoint(), folder_ / kEnvironment, folder_ / "metrics.jsonl", folder_ / "summary.csv"};
  const bool wrote_it = std::ranges::any_of(marks, [](const fs::path& f) { return fs::exists(f); });
  if (resume && overwrite) throw UsageError("`overwrite`", "and `resume` exclude each other");
  if (!resume && holds_run && !wrote_it) {
    throw UsageError(folder_.string(), "holds files that a run would replace, and no run wrote them",
                     "move them, or choose another folder");
  }
  if (!resume && !overwrite && holds_run) {
    throw UsageError(folder_.string(), "already holds a run",
                     "use `resume` to go on with it, `overwrite` to begin anew, or another folder");
  }
  for (const char* file : {kConfig, kReport}) {
    if (resume || !fs::exists(folder_ / file) || fs::exists(folder_ / kEnvironment)) continue;
    throw UsageError((folder_ / file).string(), "would be replaced, and no run wrote it",
                     "move it, or choose another folder");
  }
  created_ = !fs::exists(folder_);
  make_directories(folder_);
  lock();
  remove_stale_temporaries(folder_);
}

RunFolder::~RunFolder() {
  // Only an empty folder can be removed so.
  if (created_) rmdir(folder_.c_str());
  close(lock_);
}

void RunFolder::lock() {
  lock_ = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // File systems without locks say something else than EWOULDBLOCK.
  if (lock_ < 0 || flock(lock_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  close(lock_);
  throw RunError(folder_.string(), "another process trains into this folder", "wait for it, or choose another folder");
}

void RunFolder::remove_run() const {
  static const std::regex of_run(
      "(checkpoint|checkpoint-[0-9]+|last|best|epoch-[0-9]+-.*)\\.safetensors|metrics\\.jsonl|summary(\\.[0-9]+)?\\."
      "csv|config\\.toml|report\\.html|data\\.html|split\\.csv|"
      "environment\\.json|trace\\.json|events\\.out\\.tfevents\\..*");
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const bool is_file = entry.is_regular_file() && std::regex_match(entry.path().filename().string(), of_run);
    if (is_file) files.push_back(entry.path());
  }
  for (const fs::path& file : files) {
    std::error_code failed;
    if (!fs::remove(file, failed) && failed) {
      throw RunError(file.string(), concat("cannot be removed: ", failed.message()));
    }
  }
}

/// Those that were kept under their steps' names, newest first.
std::vector<fs::path> RunFolder::earlier_checkpoints() const {
  static const std::regex kept("checkpoint-([0-9]{1,18})\\.safetensors");
  std::map<int64_t, fs::path, std::greater<>> by_step;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    std::smatch parts;
    if (std::regex_match(name, parts, kept)) by_step[std::stoll(parts[1].str())] = entry.path();
  }
  std::vector<fs::path> files;
  for (const auto& [step, file] : by_step) files.push_back(file);
  return files;
}

void RunFolder::keep_checkpoint(int64_t step, int count) const {
  std::error_code failed;
  const fs::path kept = folder_ / concat("checkpoint-", step, ".safetensors");
  // A link: the file that is there is never without a name.
  if (count > 1 && !fs::exists(kept)) fs::create_hard_link(checkpoint(), kept, failed);
  if (failed) fs::copy_file(checkpoint(), kept, failed);
  if (failed) throw RunError(kept.string(), concat("cannot be written: ", failed.message()));
  const std::vector<fs::path> files = earlier_checkpoints();
  for (size_t i = static_cast<size_t>(count > 1 ? count : 0); i < files.size(); ++i) fs::remove(files[i], failed);
}

fs::path RunFolder::newest_checkpoint() const {
  std::vector<fs::path> files = earlier_checkpoints();
  files.insert(files.begin(), checkpoint());
  for (const fs::path& file : files) {
    if (!fs::exists(file)) continue;
    try {
      const SafetensorsFile whole(file);
      return file;
    } catch (const InputError& error) {
      log_warning(concat(error.what(), "; the checkpoint before it is looked for"));
    }
  }
  return checkpoint();
}

void RunFolder::write_config(const std::string& toml) const { write_file(folder_ / kConfig, toml); }

void RunFolder::write_environment(const std::vector<std::string>& command) const {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  const nlohmann::ordered_json environment{{"assemble", ASSEMBLE_VERSION},
                                           {"libtorch", TORCH_VERSION},
                                           {"compiler", __VERSION__},
                                           {"processor", cpu_name()},
                                           {"cores", available_cores()},
                                           {"cuda_devices", torch::cuda::device_count()},
                                           {"host", host},
                                           {"started", timestamp()},
                                           {"command", command}};
  write_file(folder_ / kEnvironment, json_text(environment, 2) + "\n");
}

void RunFolder::rewind(int64_t step) const {
  filter_lines(folder_ / "metrics.jsonl", [step](const std::string& line) { return metrics_step(line) <= step; });
  const fs::path summary = folder_ / "summary.csv";
  const size_t columns = split(first_line(summary), ',').size();
  filter_lines(summary, [&](const std::string& line) {
    return line.starts_with(kSummaryBegin) || summary_step(line, columns) <= step;
  });
  rewind_events(folder_, step);
}

void RunFolder::add_metrics(const std::string& kind, int64_t step, const Figures& metrics) {
  nlohmann::ordered_json line{{"kind", kind}, {"step", step}};
  std::vector<std::pair<std::string, double>> scalars;
  for (const auto& [name, value] : metrics) {
    line[name] = value;
    scalars.emplace_back(kind + "/" + name, value);
  }
  append(folder_ / "metrics.jsonl", json_text(line) + "\n");
  events().add_scalars(step, scalars);
}

TensorBoardWriter& RunFolder::events() {
  if (!events_) events_.emplace(folder_);
  return *events_;
}

void RunFolder::keep_summary_of_other_columns(const std::string& header) const {
  const fs::path path = folder_ / "summary.csv";
  if (!fs::exists(path) || first_line(path) == header) return;
  int number = 1;
  while (fs::exists(folder_ / concat("summary.", number, ".csv"))) ++number;
  const fs::path kept = folder_ / concat("summary.", number, ".csv");
  std::error_code failed;
  fs::rename(path, kept, failed);
  if (failed) throw RunError(path.string(), concat("cannot be renamed: ", failed.message()));
  log_warning(concat(path.string(), " has other columns: it is kept as ", kept.string()));
}

void RunFolder::add_summary(const EpochSummary& s) {
  const fs::path path = folder_ / "summary.csv";
  const std::string header = summary_header(s);
  keep_summary_of_other_columns(header);
  std::string row = fs::exists(path) ? "" : header + "\n";
  row += concat(s.epoch, ',', s.step, ',', s.learning_rate, ',', s.train_loss, ',');
  for (const auto& [name, value] : s.validation) row += concat(value, ',');
  row += concat(s.images_per_second, ',', s.data_wait_share, ',', s.seconds, ',', s.peak_memory_mib, '\n');
  append(path, row);
}

}  // namespace assemble
