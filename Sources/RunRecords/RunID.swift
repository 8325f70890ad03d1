import Telemetry

/// The name of a run, such as `20261128T203015.123Z-train-9f3a1c`: when it began (UTC), its kind, and six random hexadecimal digits.
///
/// The order of the names is the order in time.
public struct RunID: Sendable, Hashable, Comparable, CustomStringConvertible {
  public let text: String
  public var description: String { text }
  public static func < (left: RunID, right: RunID) -> Bool { left.text < right.text }

  /// - Parameter kind: the words of a command, such as `evaluate holdout`.
  public init(startedAtMilliseconds: Int64, kind: String, random: UInt32) {
    // 2026-11-28T20:30:15.123Z without what a file name would show badly.
    let time = Timestamp.rfc3339(milliseconds: startedAtMilliseconds).filter { $0 != "-" && $0 != ":" }
    let digits = String(random & 0xff_ffff, radix: 16)
    text = "\(time)-\(Self.slug(kind))-\(String(repeating: "0", count: 6 - digits.count))\(digits)"
  }

  /// `nil` if the text is not the name of a run.
  public init?(_ text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count >= 3, parts[0].count == 20, parts[0].hasSuffix("Z"),
      parts[0].dropLast().allSatisfy({ $0.isNumber || "T.".contains($0) }),
      let random = parts.last, random.count == 6, random.allSatisfy(\.isHexDigit),
      parts[1..<(parts.count - 1)].allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) } })
    else { return nil }
    self.text = text
  }

  /// The kind of the run, with `-` between its words.
  public var kind: String { text.split(separator: "-").dropFirst().dropLast().joined(separator: "-") }

  /// The kind as it stands in a name.
  public static func slug(_ kind: String) -> String {
    kind.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }.joined(separator: "-")
  }
}
