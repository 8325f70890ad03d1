import CZlib

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Reads a plain or gzip file, or standard input, in chunks and decompresses it; of Parquet files, their rows as CSV.
///
/// Gzip is detected by the first two bytes, not by the file name. Concatenated gzip members are read as one file.
final class ByteSource {
  static let chunkBytes = 65_536
  /// The path that stands for standard input.
  static let standardInput = "-"
  /// After this pause of the writer `readAhead` returns what it has.
  private static let patienceMilliseconds: Int32 = 2000

  let path: String
  /// Size on disk in bytes; `nil` for a pipe.
  let sizeBytes: Int?
  let isCompressed: Bool
  /// Bytes read from disk so far.
  private(set) var bytesRead = 0
  /// Whether any place of the file can be read at any time, or a second reader can be opened; a pipe is read once.
  var isPipe: Bool { sizeBytes == nil }

  private let descriptor: Int32
  /// Owns the descriptor of Parquet files.
  private let parquet: ParquetRows?
  private let packed = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: ByteSource.chunkBytes)
  /// The unread range of `packed`.
  private var waiting = 0..<0
  private var isAtEnd = false
  /// Allocated on the heap because zlib keeps a pointer to it.
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private var isInsideMember = false
  private var unpackedBytes = 0
  /// What `readAhead` has read and `read` has not returned.
  private var ahead: [UInt8] = []
  private var aheadStart = 0
  /// What ended the reading ahead; `read` throws it where it has returned everything before.
  private var aheadFault: DatasetError?

  init(path: String) throws(DatasetError) {
    self.path = path
    let isInput = path == Self.standardInput
    parquet = !isInput && ParquetRows.reads(path) ? try ParquetRows(path) : nil
    let descriptor = parquet?.descriptor ?? (isInput ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC))
    guard descriptor >= 0 else {
      throw DatasetError(errno == ENOENT || errno == ENOTDIR ? .missing : .unreadable(String(cString: strerror(errno))), path: path)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
      close(descriptor)
      throw DatasetError(.isDirectory, path: path)
    }
    sizeBytes = !isInput && parquet == nil && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
    self.descriptor = descriptor
    stream.initialize(to: z_stream())
    var head = 0
    while head < 2 {
      let count = readSome(descriptor, packed.baseAddress! + head, ByteSource.chunkBytes - head)
      guard count > 0 else { break }
      head += count
    }
    waiting = 0..<head
    bytesRead = head
    isCompressed = head >= 2 && packed[0] == 0x1F && packed[1] == 0x8B
    // 15 + 16: maximum window size, gzip header and checksum.
    if isCompressed {
      let result = inflateInit2_(stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
      precondition(result == Z_OK, "inflateInit2 failed: \(result)")
      isInsideMember = true
    }
  }

  deinit {
    if isCompressed { inflateEnd(stream) }
    stream.deallocate()
    packed.deallocate()
    if parquet == nil { close(descriptor) }
  }

  /// Reads the next decompressed bytes into `buffer` and returns their number; 0 at the end.
  func read(into buffer: UnsafeMutableBufferPointer<UInt8>) throws(DatasetError) -> Int {
    if !ahead.isEmpty { return takeAhead(into: buffer) }
    if let aheadFault { throw aheadFault }
    return isCompressed ? try inflate(into: buffer) : try copy(into: buffer)
  }

  /// Reads up to `limit` bytes in advance and returns them; `read` returns them again. Ends early if a writer pauses or the data are
  /// damaged, which is an error only where nothing comes before it.
  func readAhead(_ limit: Int) throws(DatasetError) -> [UInt8] {
    precondition(ahead.isEmpty, "read ahead once, before the first read")
    var bytes: [UInt8] = []
    bytes.reserveCapacity(min(limit, 1 << 20))
    let chunk = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: Self.chunkBytes)
    defer { chunk.deallocate() }
    while bytes.count < limit, bytes.isEmpty || !waiting.isEmpty || hasInput() {
      do throws(DatasetError) {
        let count = try read(into: UnsafeMutableBufferPointer(rebasing: chunk[..<min(chunk.count, limit - bytes.count)]))
        if count == 0 { break }
        bytes += chunk[..<count]
      } catch {
        if bytes.isEmpty { throw error }
        aheadFault = error
        break
      }
    }
    ahead = bytes
    return bytes
  }

  /// Reads bytes at a place of a plain file without moving; fewer at its end.
  func bytes(at offset: Int, count: Int) throws(DatasetError) -> [UInt8] {
    precondition(!isCompressed && !isPipe, "only a plain file has places")
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let read = pread(descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
        if read < 0, errno == EINTR { continue }
        guard read > 0 else { break }
        filled += read
      }
    }
    return bytes
  }

  private func takeAhead(into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
    let count = min(buffer.count, ahead.count - aheadStart)
    _ = buffer.update(fromContentsOf: ahead[aheadStart..<aheadStart + count])
    aheadStart += count
    if aheadStart == ahead.count { (ahead, aheadStart) = ([], 0) }
    return count
  }

  /// Waits for more input, or its end, for as long as a writer may pause.
  private func hasInput() -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    while true {
      let ready = poll(&request, 1, Self.patienceMilliseconds)
      if ready >= 0 || errno != EINTR { return ready != 0 }
    }
  }

  private func copy(into buffer: UnsafeMutableBufferPointer<UInt8>) throws(DatasetError) -> Int {
    try fill()
    let count = min(waiting.count, buffer.count)
    guard count > 0, let target = buffer.baseAddress, let source = packed.baseAddress else { return 0 }
    target.update(from: source + waiting.lowerBound, count: count)
    waiting = waiting.lowerBound + count..<waiting.upperBound
    return count
  }

  private func inflate(into buffer: UnsafeMutableBufferPointer<UInt8>) throws(DatasetError) -> Int {
    while true {
      try fill()
      if waiting.isEmpty {
        if isInsideMember { throw DatasetError(.truncatedGzip(afterBytes: unpackedBytes), path: path) }
        return 0
      }
      if !isInsideMember {
        guard try beginNextMember() else { return 0 }
        continue
      }
      stream.pointee.next_in = packed.baseAddress! + waiting.lowerBound
      stream.pointee.avail_in = UInt32(waiting.count)
      stream.pointee.next_out = buffer.baseAddress
      stream.pointee.avail_out = UInt32(buffer.count)
      let result = CZlib.inflate(stream, Z_NO_FLUSH)
      waiting = waiting.upperBound - Int(stream.pointee.avail_in)..<waiting.upperBound
      let count = buffer.count - Int(stream.pointee.avail_out)
      unpackedBytes += count
      switch result {
      case Z_STREAM_END: isInsideMember = false
      case Z_OK, Z_BUF_ERROR: break
      default:
        let why = stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(result)"
        throw DatasetError(.corruptGzip(why), path: path)
      }
      if count > 0 { return count }
    }
  }

  /// Zero padding may follow the last member. Any other data that does not start a member is an error.
  private func beginNextMember() throws(DatasetError) -> Bool {
    if packed[waiting.lowerBound] == 0 {
      guard packed[waiting].allSatisfy({ $0 == 0 }) else { throw DatasetError(.corruptGzip("data after padding"), path: path) }
      waiting = 0..<0
      return true
    }
    guard packed[waiting.lowerBound] == 0x1F else { throw DatasetError(.corruptGzip("something else follows the gzip data"), path: path) }
    inflateReset(stream)
    isInsideMember = true
    return true
  }

  private func fill() throws(DatasetError) {
    while waiting.isEmpty, !isAtEnd {
      let count = readSome(descriptor, packed.baseAddress!, ByteSource.chunkBytes)
      guard count >= 0 else { throw DatasetError(.unreadable(String(cString: strerror(errno))), path: path) }
      isAtEnd = count == 0
      if isAtEnd { try parquet?.finish() }
      bytesRead += count
      waiting = 0..<count
    }
  }
}

/// Calls `read` and retries after EINTR.
private func readSome(_ descriptor: Int32, _ target: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int {
  while true {
    let result = read(descriptor, target, count)
    if result >= 0 || errno != EINTR { return result }
  }
}
