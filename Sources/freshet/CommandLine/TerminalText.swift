/// Text from events and brokers as a terminal may show it.
enum TerminalText {
  /// Replaces control characters and characters that reorder or hide text by `\u{...}`; `keepsLines` leaves line feeds.
  static func escaped(_ text: String, keepsLines: Bool = false) -> String {
    guard text.unicodeScalars.contains(where: { isUnsafe($0) }) else { return text }
    var output = ""
    for scalar in text.unicodeScalars {
      if isUnsafe(scalar), !(keepsLines && scalar == "\n") {
        output += "\\u{" + String(scalar.value, radix: 16) + "}"
      } else {
        output.unicodeScalars.append(scalar)
      }
    }
    return output
  }

  /// Control characters, line and paragraph separators, bidirectional controls, and invisible characters that have no width.
  private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}"..."\u{202E}", "\u{2066}"..."\u{2069}", "\u{200E}", "\u{200F}", "\u{61C}",
      "\u{200B}", "\u{2060}", "\u{FEFF}", "\u{FFF9}"..."\u{FFFB}", "\u{E0000}"..."\u{E007F}":
      true
    default: false
    }
  }
}
