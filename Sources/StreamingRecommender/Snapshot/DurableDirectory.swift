#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A directory whose files appear whole or not at all, and survive a crash once `write` has returned.
///
/// A file is written under a temporary name, fsynced and renamed; then the directory is fsynced. A failed fsync fails the write. It is not
/// retried on the same file, because the kernel may already have marked the pages clean.
struct DurableDirectory: Sendable {
  let path: String
  private let synchronizes: Bool

  init(_ path: String, synchronizes: Bool) {
    self.path = path
    self.synchronizes = synchronizes
  }

  /// Creates the directory (mode 0700) if it does not exist.
  func prepare() throws {
    var partial = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      partial += "/" + part
      if mkdir(partial, 0o700) != 0, errno != EEXIST { throw failure("cannot create the directory \(partial)") }
    }
    guard access(path, W_OK) == 0 else { throw failure("cannot write to \(path)") }
  }

  /// Writes or replaces a file and returns its size in bytes.
  @discardableResult
  func write(_ name: String, _ body: (SnapshotSink) throws -> Void) throws -> Int {
    let final = "\(path)/\(name)"
    let temporary = final + Self.unfinished
    do {
      let bytes = try writeFile(temporary, body)
      guard rename(temporary, final) == 0 else { throw failure("cannot rename \(temporary)") }
      try synchronize()
      return bytes
    } catch {
      unlink(temporary)
      throw error
    }
  }

  private func writeFile(_ path: String, _ body: (SnapshotSink) throws -> Void) throws -> Int {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure("cannot write \(path)") }
    defer { close(descriptor) }
    var total = 0
    try body { piece in
      var piece = piece
      while !piece.isEmpty {
        #if canImport(Glibc)
          let written = Glibc.write(descriptor, piece.baseAddress, piece.count)
        #else
          let written = Darwin.write(descriptor, piece.baseAddress, piece.count)
        #endif
        if written < 0 {
          if errno == EINTR { continue }
          throw failure("cannot write \(path)")
        }
        total += written
        piece = UnsafeRawBufferPointer(rebasing: piece[written...])
      }
    }
    if synchronizes, fsync(descriptor) != 0 { throw failure("fsync of \(path) failed") }
    return total
  }

  /// Makes renames and removals in the directory durable.
  func synchronize() throws {
    guard synchronizes else { return }
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("cannot open \(path)") }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 { throw failure("fsync of \(path) failed") }
  }

  /// Maps a file into memory for the time of `body`.
  func read<R>(_ name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
    let path = "\(path)/\(name)"
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("cannot read \(path)") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure("cannot read \(path)") }
    let size = Int(status.st_size)
    guard size > 0 else { throw SnapshotError(.truncated(atByte: 0), path: path) }
    guard let map = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), map != MAP_FAILED else {
      throw failure("cannot map \(path)")
    }
    defer { munmap(map, size) }
    return try body(UnsafeRawBufferPointer(start: map, count: size))
  }

  /// Removes what a crash left of files that were being written.
  func removeUnfinished() {
    for name in entries() where name.hasSuffix(Self.unfinished) { remove(name) }
  }

  private static let unfinished = ".writing"

  /// When the file was last written, in nanoseconds since 1970; 0 if it is not there.
  func modified(_ name: String) -> Int64 {
    var status = stat()
    guard stat("\(path)/\(name)", &status) == 0 else { return 0 }
    return Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
  }

  func remove(_ name: String) { unlink("\(path)/\(name)") }

  /// The names in the directory, in no order; empty if it cannot be read.
  func entries() -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      names.append(withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }
    return names
  }

  func failure(_ what: String) -> SnapshotError {
    SnapshotError(.input("\(what): \(String(cString: strerror(errno))). Check instance.data_dir"), path: path)
  }
}
