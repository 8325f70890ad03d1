#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Metrics of this process from the kernel; read from `/proc` on Linux, absent elsewhere.
public enum ProcessMetrics {
  /// Reads the values before each rendering of the registry.
  public static func install(in registry: MetricRegistry) {
    let start = startTimeSeconds()
    registry.collect {
      if let start { registry.gauge(MetricNames.processStartTime).set(start) }
      if let seconds = processorSeconds() { registry.counter(MetricNames.processCPU).raise(to: seconds) }
      if let bytes = residentMemoryBytes() { registry.gauge(MetricNames.processResidentMemory).set(bytes) }
      if let count = openFileDescriptors() { registry.gauge(MetricNames.processOpenFileDescriptors).set(count) }
    }
  }

  public static func residentMemoryBytes() -> Int? {
    readText("/proc/self/statm").flatMap(residentPages(statm:)).map { $0 * sysconf(Int32(_SC_PAGESIZE)) }
  }

  public static func processorSeconds() -> Double? {
    readText("/proc/self/stat").flatMap(ticks(stat:)).map { Double($0.processor) / ticksPerSecond }
  }

  public static func startTimeSeconds() -> Double? {
    guard let boot = readText("/proc/stat").flatMap(bootTimeSeconds(stat:)), let ticks = readText("/proc/self/stat").flatMap(ticks(stat:))
    else { return nil }
    return Double(boot) + Double(ticks.startAfterBoot) / ticksPerSecond
  }

  public static func openFileDescriptors() -> Int? {
    guard let directory = opendir("/proc/self/fd") else { return nil }
    defer { closedir(directory) }
    var entries = 0
    while readdir(directory) != nil { entries += 1 }
    return entries - 3  // `.`, `..` and the descriptor of this very listing
  }

  private static var ticksPerSecond: Double { Double(sysconf(Int32(_SC_CLK_TCK))) }

  // MARK: - Parsing

  /// Fields 14, 15 and 22 of `/proc/PID/stat`. The second field is the program's name in brackets and may hold blanks and brackets.
  static func ticks(stat: String) -> (processor: Int, startAfterBoot: Int)? {
    guard let bracket = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[stat.index(after: bracket)...].split(whereSeparator: \.isWhitespace)
    guard fields.count > 19, let user = Int(fields[11]), let system = Int(fields[12]), let start = Int(fields[19]) else { return nil }
    return (user + system, start)
  }

  /// The second field of `/proc/PID/statm`.
  static func residentPages(statm: String) -> Int? {
    let fields = statm.split(whereSeparator: \.isWhitespace)
    return fields.count > 1 ? Int(fields[1]) : nil
  }

  /// The line `btime` of `/proc/stat`.
  static func bootTimeSeconds(stat: String) -> Int? {
    for line in stat.split(separator: "\n") where line.hasPrefix("btime ") {
      return Int(line.dropFirst(6))
    }
    return nil
  }

  private static func readText(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var text: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 16_384)
    while text.count < 4 << 20 {
      let count = read(descriptor, &piece, piece.count)
      guard count > 0 else { break }
      text += piece[..<count]
    }
    return String(decoding: text, as: UTF8.self)
  }
}
