/// A piece of a page. Text that is interpolated into it is escaped; only a literal and another piece are taken as they are.
///
/// So text of a record cannot become markup, wherever it stands: in an element or in a quoted attribute.
struct HTML: Sendable, Equatable, ExpressibleByStringInterpolation {
  let text: String

  init(stringLiteral text: String) { self.text = text }
  init(stringInterpolation: StringInterpolation) { text = stringInterpolation.output }
  init(joining pieces: [HTML], _ separator: HTML = "") { text = pieces.map(\.text).joined(separator: separator.text) }

  struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var output = ""

    init(literalCapacity: Int, interpolationCount: Int) { output.reserveCapacity(literalCapacity) }

    mutating func appendLiteral(_ literal: String) { output += literal }
    mutating func appendInterpolation(_ piece: HTML) { output += piece.text }
    mutating func appendInterpolation(_ pieces: [HTML]) { for piece in pieces { output += piece.text } }
    mutating func appendInterpolation(_ number: Int) { output += String(number) }
    mutating func appendInterpolation(_ text: String) { HTML.appendEscaped(text, to: &output) }
    /// A coordinate of a drawing.
    mutating func appendInterpolation(_ coordinate: Double) { output += NumberFormat.coordinate(coordinate) }
  }

  fileprivate static func appendEscaped(_ text: String, to output: inout String) {
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": output += "&amp;"
      case "<": output += "&lt;"
      case ">": output += "&gt;"
      case "\"": output += "&quot;"
      case "'": output += "&#39;"
      case "\n", "\t": output.unicodeScalars.append(scalar)
      // Control characters, and those that reorder what is around them.
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}", "\u{FFFE}", "\u{FFFF}":
        output.unicodeScalars.append("\u{FFFD}")
      default: output.unicodeScalars.append(scalar)
      }
    }
  }
}
