// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/registry.h"

#include <gmock/gmock.h>

#include "assemble/core/error.h"
#include "assemble/models/model_file.h"
#include "assemble/models/tensor_file.h"
#include "own_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using testing::Contains;
using testing::HasSubstr;

class Registry : public testing::Test {
 protected:
  Registry() { test::register_own_network(); }
};

NetworkKind other(const std::string& name) {
  return {.name = name, .description = "another", .make = build_network<test::OwnNetworkImpl>};
}

TEST_F(Registry, HoldsTheLibrarysNetworksAndAUsersOwn) {
  for (const char* name : {"resnet50", "resnet101", "resnet152", "resnet200", "mobilenet_v1", "own_network"}) {
    EXPECT_THAT(network_names(), Contains(name));
    EXPECT_FALSE(network_kind(name).description.empty());
  }
  EXPECT_EQ(find_network("their_network"), nullptr);
}

TEST_F(Registry, ArchStringsOfAnOwnNetworkAreReadAndWritten) {
  for (const char* text : {"own_network", "own_network+gem+emb16+w4", "own_network+flatten"}) {
    EXPECT_EQ(Arch::parse(text).str(), text);
    EXPECT_EQ(Arch::parse(text).base, "own_network");
  }
  EXPECT_EQ(Arch::parse("own_network").width, 8);
  EXPECT_THAT(error_of<UsageError>([] { Arch::parse("own_network+sk"); }), HasSubstr("'sk' does not fit own_network"));
  EXPECT_THAT(error_of<UsageError>([] { Arch::parse("own_network+sk"); }),
              HasSubstr("it takes gem, flatten, embN, wN"));
  EXPECT_THAT(error_of<UsageError>([] { Arch::parse("own_netwrk"); }), HasSubstr("did you mean 'own_network'"));
}

TEST_F(Registry, AnOwnNetworkIsBuiltAndMeasured) {
  const Arch arch = Arch::parse("own_network+emb16");
  const Classifier model = make_classifier(arch, {.classes = 5}, 1);
  Endpoints endpoints;
  EXPECT_EQ(model->forward(torch::randn({2, 3, 32, 32}), endpoints).sizes(), (std::vector<int64_t>{2, 5}));
  std::vector<std::string> names;
  for (const auto& [name, activations] : endpoints) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"own_network/first", "own_network/final_reduce_mean",
                                             "own_network/final_dense"}));
  EXPECT_EQ(measure_cost(arch, 5, 32).multiply_adds, 3 * 8 * 9 * 16 * 16 + 8 * 16 * 9 * 8 * 8 + 16 * 16 + 16 * 5);
}

class OwnModelFile : public Registry {
 protected:
  OwnModelFile() {
    ModelCard card;
    card.class_names = {"a", "b", "c"};
    card.preprocessing = Preprocessing::from_type("imagenet_64");
    model_ = make_classifier(Arch::parse("own_network+w4"), {.classes = 3}, 2);
    model_->eval();
    save_model(path_, *model_, card);
  }

  std::string refusal_of(const std::string& arch) {
    NamedTensors tensors = model_->named_state();
    Metadata metadata;
    {
      const SafetensorsFile file(path_);
      metadata = file.metadata();
    }
    metadata["arch"] = arch;
    write_tensors(path_, tensors, metadata);
    return error_of<InputError>([&] { load_model(path_); });
  }

  test::TemporaryFolder folder_;
  fs::path path_ = folder_ / "model.safetensors";
  Classifier model_;
};

TEST_F(OwnModelFile, HoldsTheTracedGraph) { EXPECT_FALSE(read_graph(path_, 32).nodes().empty()); }

TEST_F(OwnModelFile, BringsTheNetworkBack) {
  const torch::NoGradGuard no_grad;
  ModelCard card;
  const Classifier loaded = load_model(path_, &card);
  EXPECT_EQ(loaded->arch().str(), "own_network+w4");
  const torch::Tensor images = torch::randn({2, 3, 32, 32});
  EXPECT_TRUE(torch::equal(loaded->forward(images), model_->forward(images)));
}

TEST_F(OwnModelFile, OfANetworkThatIsNotRegisteredIsRefused) {
  const std::string refusal = refusal_of("their_network+w4");
  EXPECT_THAT(refusal, HasSubstr("unknown base 'their_network'"));
  EXPECT_THAT(refusal, HasSubstr("register"));
}

TEST_F(OwnModelFile, WithAnotherWidthThanItsTensorsIsRefusedBeforeItsNetworkIsBuilt) {
  EXPECT_THAT(refusal_of("own_network+w4096"), HasSubstr("expected 4096 rows"));
}

TEST_F(Registry, RefusesWhatNoArchStringCanName) {
  EXPECT_THAT(error_of<UsageError>([] { register_network(other("own_network")); }), HasSubstr("is there already"));
  EXPECT_THAT(error_of<UsageError>([] { register_network(other("resnet50")); }), HasSubstr("is there already"));
  EXPECT_THAT(error_of<UsageError>([] { register_network(other("assemble_resnet50")); }),
              HasSubstr("is there already"));
  EXPECT_THAT(error_of<UsageError>([] { register_network(other("a+b")); }), HasSubstr("no name for an arch string"));
  EXPECT_THAT(error_of<UsageError>([] { register_network(other("")); }), HasSubstr("no name for an arch string"));
  NetworkKind kind = other("fresh");
  kind.tweaks = {"quux"};
  EXPECT_THAT(error_of<UsageError>([&] { register_network(kind); }), HasSubstr("'quux', which does not exist"));
  kind = other("fresh");
  kind.make = nullptr;
  EXPECT_THAT(error_of<UsageError>([&] { register_network(kind); }), HasSubstr("nothing that builds it"));
  EXPECT_EQ(find_network("fresh"), nullptr);
}

}  // namespace
}  // namespace assemble
