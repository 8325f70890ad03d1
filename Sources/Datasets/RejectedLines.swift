#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Writes the lines of a file that could not be used, each with its number and the reason, separated by tabs.
public final class RejectedLines {
  public let path: String
  public private(set) var count = 0
  private let file: UnsafeMutablePointer<FILE>
  private var failure: Int32 = 0

  public init(path: String) throws(DatasetError) {
    guard let file = fopen(path, "we") else { throw DatasetError(.unwritable(String(cString: strerror(errno))), path: path) }
    self.path = path
    self.file = file
  }

  deinit { fclose(file) }

  /// - Parameter text: the line as it was; line ends within quotes are kept.
  public func add(line: Int, reason: String, text: UnsafeBufferPointer<UInt8>) {
    count += 1
    let head = "\(line)\t\(reason)\t"
    if fputs(head, file) < 0 || fwrite(text.baseAddress, 1, text.count, file) < text.count || fputc(0x0A, file) < 0, failure == 0 {
      failure = errno
    }
  }

  /// Writes what is buffered.
  public func flush() throws(DatasetError) {
    if fflush(file) != 0, failure == 0 { failure = errno }
    if failure != 0 { throw DatasetError(.unwritable(String(cString: strerror(failure))), path: path) }
  }
}
