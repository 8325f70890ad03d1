import Foundation
import ObjectStorage
import ParquetFiles

/// Where an export is written: a file, an object, or standard output. A file or an object appears as a whole or not at all.
final class ExportOutput: ParquetSink {
  private enum Target {
    case file(NewFile)
    case object(any ObjectUpload)
    case standardOutput
  }

  private let target: Target
  private(set) var bytes = 0
  private var buffer: [UInt8] = []
  private static let bufferBytes = 1 << 16

  init(file path: String, replaces: Bool) throws { target = .file(try NewFile(path, replaces: replaces)) }
  init(object: any ObjectUpload) { target = .object(object) }
  init() { target = .standardOutput }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    self.bytes += bytes.count
    switch target {
    case .file(let file): try file.write(bytes)
    case .object(let upload): try upload.write(bytes)
    case .standardOutput: try FileHandle.standardOutput.write(contentsOf: bytes)
    }
  }

  /// Collects small pieces.
  func write(_ bytes: [UInt8]) throws {
    buffer += bytes
    if buffer.count >= Self.bufferBytes { try flush() }
  }

  private func flush() throws {
    try buffer.withUnsafeBytes { try write($0) }
    buffer.removeAll(keepingCapacity: true)
  }

  func finish() throws {
    try flush()
    switch target {
    case .file(let file): try file.finish()
    case .object(let upload): try upload.complete()
    case .standardOutput: break
    }
  }
}
