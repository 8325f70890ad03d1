import Foundation
import OperatorConsole

/// How much memory this process can have at most.
enum MemoryLimit {
  /// The smaller one of the container's limit and the machine's memory; `nil` where neither can be read.
  static var ofSystem: ConsoleFacts.Memory.Limit? {
    let machine = text("/proc/meminfo").flatMap(total(meminfo:)).map { ConsoleFacts.Memory.Limit(.machine, bytes: $0) }
    let container = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].lazy.compactMap(text).first
      .flatMap(limit(cgroup:)).map { ConsoleFacts.Memory.Limit(.container, bytes: $0) }
    return [container, machine].compactMap(\.self).min { $0.bytes < $1.bytes }
  }

  /// The line `MemTotal: 16316412 kB`.
  static func total(meminfo: String) -> Int? {
    guard let line = meminfo.split(separator: "\n").first(where: { $0.hasPrefix("MemTotal:") }) else { return nil }
    return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
  }

  /// A number of bytes, or `max`.
  static func limit(cgroup: String) -> Int? { Int(cgroup.prefix { $0.isNumber }) }

  private static func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
}
