# SPDX-License-Identifier: Apache-2.0
"""Reads packages as Triton and OpenVINO Model Server do, and runs their networks by the servers' configurations.

Usage: package_check.py FOLDER...   Environment: ASSEMBLE_OVMS_SCHEMA, the server's src/schema.cpp
"""

import importlib.util
import json
import os
import pathlib
import re
import sys

import jsonschema
import numpy
import onnxruntime
from google.protobuf import text_format

# Importing the package itself would want gRPC.
site = pathlib.Path(jsonschema.__file__).parents[1]
spec = importlib.util.spec_from_file_location("model_config_pb2", site / "tritonclient/grpc/model_config_pb2.py")
triton = importlib.util.module_from_spec(spec)
spec.loader.exec_module(triton)

TYPES = {"TYPE_FP32": ("tensor(float)", numpy.float32), "TYPE_UINT8": ("tensor(uint8)", numpy.uint8)}


def server_schema(source):
    """The schema that the server puts together of several string constants."""
    text = pathlib.Path(source).read_text()
    raw = re.compile(r'R"\((.*?)\)"', re.DOTALL)

    def constant(name):
        expression = re.search(rf"const std::string {name} = (.*?);\n(?=\n|const|#|namespace|Status|\w)", text, re.DOTALL)[1]
        parts = re.finditer(r'R"\(.*?\)"|\b[A-Z_]{6,}\b(?!\s*==)', re.sub(r"^#.*$", "", expression, flags=re.M), re.DOTALL)
        return "".join(raw.fullmatch(part[0])[1] if part[0].startswith("R") else constant(part[0]) for part in parts)

    return json.loads(constant("MODELS_CONFIG_SCHEMA"))


def check_openvino_server(folder):
    config = json.loads((folder / "config.json").read_text())
    schema = os.environ.get("ASSEMBLE_OVMS_SCHEMA")
    if schema:
        jsonschema.Draft7Validator(server_schema(schema)).validate(config)
    (model,) = config["model_config_list"]
    base = model["config"]["base_path"]
    assert not base.startswith("/") and ".." not in base, "the path is below the configuration's folder"
    versions = [entry for entry in (folder / base).iterdir() if entry.is_dir()]
    assert versions and all(int(version.name) > 0 for version in versions), versions
    for version in versions:
        assert [file.name for file in version.iterdir()] == ["model.onnx"], "one network in a version's folder"
    return model["config"]["name"], bool(schema)


def check_triton(repository, name):
    folder = repository / name
    config = text_format.Parse((folder / "config.pbtxt").read_text(), triton.ModelConfig())
    assert config.name == name == folder.name and config.backend == "onnxruntime"
    versions = sorted(int(entry.name) for entry in folder.iterdir() if entry.is_dir())
    network = folder / str(versions[-1]) / config.default_model_filename
    session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    inputs, outputs = ({tensor.name: tensor for tensor in tensors} for tensors in (session.get_inputs(), session.get_outputs()))
    assert sorted(inputs) == sorted(tensor.name for tensor in config.input)
    assert sorted(outputs) == sorted(tensor.name for tensor in config.output)
    for tensor in [*config.input, *config.output]:
        found = inputs.get(tensor.name) or outputs[tensor.name]
        assert found.type == TYPES[triton.DataType.Name(tensor.data_type)][0]
        assert list(found.shape[1:]) == list(tensor.dims) and not isinstance(found.shape[0], int), found.shape
    for tensor in config.output:
        if tensor.label_filename:
            labels = (folder / tensor.label_filename).read_text(encoding="utf-8").split("\n")[:-1]
            assert [len(labels)] == list(tensor.dims), "a label for each output"
    (image,) = config.input
    kind = TYPES[triton.DataType.Name(image.data_type)][1]
    for batch in (1, config.max_batch_size):
        answers = session.run(None, {image.name: numpy.zeros((batch, *image.dims), kind)})
        assert all(len(answer) == batch and numpy.isfinite(answer).all() for answer in answers)
    return len(outputs)


for argument in sys.argv[1:]:
    package = pathlib.Path(argument)
    name, by_schema = check_openvino_server(package)
    outputs = check_triton(package / "models", name)
    print(f"{package.name}: {name} with {outputs} outputs; OpenVINO Model Server's schema {'held' if by_schema else 'not given'}")
