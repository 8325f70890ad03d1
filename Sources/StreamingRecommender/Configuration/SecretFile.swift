import Foundation

/// A file that holds one secret, such as the password of Redis.
///
/// Only its owner may write it and others may not read it. Its group may read it if this process is in that group: orchestrators
/// mount secrets that way.
public enum SecretFile {
  public struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong and what would be right, without the path.
    public let description: String
    init(_ description: String) { self.description = description }
  }

  /// The text of the file without line breaks at its end; the secret is in no error.
  public static func read(_ path: String) throws(Refusal) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Refusal("it cannot be read (\(String(cString: strerror(errno))))") }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var status = stat()
    // On the open file, so that the file that is checked is the file that is read.
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else { throw Refusal("it is not a file") }
    if let fault = permissionFault(status) { throw Refusal("\(fault); run `chmod 600 \(path)`") }
    guard let data = try? file.readToEnd(), !data.isEmpty else { throw Refusal("it is empty") }
    guard let text = String(data: data, encoding: .utf8) else { throw Refusal("it is not UTF-8 text") }
    let secret = text.trimmingCharacters(in: .newlines)
    guard !secret.isEmpty else { throw Refusal("it is empty") }
    return secret
  }

  /// Why the file at `path` may not hold a secret, or `nil`; a missing file is reported by its reader.
  static func permissionFault(_ path: String) -> String? {
    var status = stat()
    return stat(path, &status) == 0 ? permissionFault(status) : nil
  }

  private static func permissionFault(_ status: stat) -> String? {
    let readableByGroup: mode_t = 0o040
    let mode = status.st_mode & 0o777
    guard mode & 0o077 != 0 else { return nil }
    guard mode & 0o077 != readableByGroup || !isOwn(group: status.st_gid) else { return nil }
    let digits = String(mode, radix: 8)
    return "its mode must be 0600, not " + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  /// The effective group of this process and its supplementary ones.
  private static func isOwn(group: gid_t) -> Bool {
    if group == getegid() { return true }
    var groups = [gid_t](repeating: 0, count: max(0, Int(getgroups(0, nil))))
    let count = getgroups(Int32(groups.count), &groups)
    return groups.prefix(max(0, Int(count))).contains(group)
  }
}
