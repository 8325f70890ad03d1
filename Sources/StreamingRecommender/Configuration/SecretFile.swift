import Foundation

/// Reads a file that contains one secret, such as the password of Redis.
///
/// Only the owner may write the file, and others may not read it. Its group may read it if the process belongs to that group, because
/// orchestrators mount secrets that way.
public enum SecretFile {
  public struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong and how to fix it, without the path.
    public let description: String
    init(_ description: String) { self.description = description }
  }

  /// Returns the contents without trailing line breaks. Errors never contain the secret.
  public static func read(_ path: String) throws(Refusal) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Refusal("it cannot be read (\(String(cString: strerror(errno))))") }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var status = stat()
    // Checks the open file, so that the checked file is the one that is read.
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else { throw Refusal("it is not a file") }
    if let fault = permissionFault(status) { throw Refusal("\(fault); run `chmod 600 \(path)`") }
    guard let data = try? file.readToEnd(), !data.isEmpty else { throw Refusal("it is empty") }
    guard let text = String(data: data, encoding: .utf8) else { throw Refusal("it is not UTF-8 text") }
    let secret = text.trimmingCharacters(in: .newlines)
    guard !secret.isEmpty else { throw Refusal("it is empty") }
    return secret
  }

  /// Returns why the permissions of the file at `path` are refused, or `nil`. For a missing file it returns `nil`; reading reports it.
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

  /// Returns whether `group` is the effective group of this process or one of its supplementary groups.
  private static func isOwn(group: gid_t) -> Bool {
    if group == getegid() { return true }
    var groups = [gid_t](repeating: 0, count: max(0, Int(getgroups(0, nil))))
    let count = getgroups(Int32(groups.count), &groups)
    return groups.prefix(max(0, Int(count))).contains(group)
  }
}
