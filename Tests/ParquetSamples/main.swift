import Foundation
import ParquetFiles

// Writes the files that the tests of `Tests/Platform` read with other programs: `ParquetSamples DIRECTORY [ROWS]`. With ROWS, only one
// large table of interactions, with its time and memory on standard output.
guard CommandLine.arguments.count >= 2 else {
  FileHandle.standardError.write(Data("usage: ParquetSamples DIRECTORY [ROWS]\n".utf8))
  exit(64)
}
let directory = CommandLine.arguments[1]
try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
if CommandLine.arguments.count > 2, let rows = Int(CommandLine.arguments[2]) {
  for compression in [ParquetOptions.Compression.none, .zstd(level: 1)] {
    try LargeTable(rows: rows, compression: compression).write(in: directory)
  }
} else {
  try SmallTables(directory: directory).write()
}
