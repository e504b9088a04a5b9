const text = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));

/** Files that people hand over instead of a model, each with what to do about it. */
const kinds: readonly { readonly is: (bytes: Uint8Array) => boolean; readonly says: string }[] = [
  { is: (b) => b.length === 0, says: 'the file is empty' },
  { is: (b) => text(b, 0, 4) === 'PK\u0003\u0004', says: 'this is a zip archive (PyTorch and Keras save such files): unpack it, or export the model as .onnx' },
  { is: (b) => b[0] === 0x1f && b[1] === 0x8b, says: 'this is a gzip archive: unpack it first' },
  { is: (b) => text(b, 0, 23) === 'version https://git-lfs', says: 'this is a Git LFS pointer, not the file it points at: fetch it with git lfs pull' },
  { is: (b) => text(b, 4, 8) === 'ORTM', says: 'this is a model in ORT format: give the .onnx file it was made from' },
  { is: (b) => text(b, 4, 8) === 'TFL3', says: 'this is a TensorFlow Lite model: convert it to .onnx' },
  { is: (b) => text(b, 0, 4) === 'GGUF', says: 'this is a GGUF model: find the same model as .onnx' },
  { is: (b) => text(b, 1, 4) === 'HDF', says: 'this is an HDF5 file: export the model as .onnx' },
  { is: (b) => b[8] === 0x7b && b[4] === 0 && b[5] === 0 && b[6] === 0 && b[7] === 0, says: 'this is a safetensors file, weights without a graph: export the model as .onnx' },
  { is: (b) => /^\s*</.test(text(b, 0, 64)), says: 'this is a web page or XML, perhaps an error page sent in place of the model: check the address' },
  { is: (b) => /^\s*[{[]/.test(text(b, 0, 64)), says: 'this is JSON, not a model' },
];

/** Says what a file that is not an ONNX model seems to be; `undefined` when it resembles nothing known. */
export function describeForeign(bytes: Uint8Array): string | undefined {
  return kinds.find(({ is }) => is(bytes))?.says;
}
