// What may be called, read from a descriptor set when the suite runs: nothing is generated.
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

export function registry(bytes) {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
}

export const SHAPES = "descant.suite.v1.Shapes";
export const ASK = "descant.suite.v1.Ask";
export const STRANGER = "descant.suite.stranger.Stranger";
