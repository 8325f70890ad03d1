/// Names of metrics, parameters and tags that MLflow takes, one for each name that is given.
///
/// MLflow allows letters, digits, `_ - . : /` and spaces, and what is also a clean relative path. `@` becomes `_at_`, so `recall@20`
/// becomes `recall_at_20`; any other character becomes its number, as in `_x25_`.
struct MLflowNames {
  static let charactersMax = 250
  private var known: [String: String] = [:]
  private var taken: Set<String> = []

  /// Two names that would become the same get numbers.
  mutating func legal(_ name: String) -> String {
    if let known = known[name] { return known }
    let wanted = Self.escaped(name)
    var candidate = wanted
    var number = 2
    while taken.contains(candidate) {
      candidate = Self.shortened(wanted, to: Self.charactersMax - 8) + "_\(number)"
      number += 1
    }
    taken.insert(candidate)
    known[name] = candidate
    return candidate
  }

  static func escaped(_ name: String) -> String {
    var escaped = ""
    for scalar in name.unicodeScalars {
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "_", "-", ".", ":", "/", " ": escaped.unicodeScalars.append(scalar)
      case "@": escaped += "_at_"
      default: escaped += number(scalar)
      }
    }
    let segments = escaped.split(separator: "/").map { $0 == "." || $0 == ".." ? $0.unicodeScalars.map(number).joined() : String($0) }
    let path = shortened(segments.joined(separator: "/"), to: charactersMax)
    return path.isEmpty ? "_" : path
  }

  private static func number(_ scalar: Unicode.Scalar) -> String { "_x\(String(scalar.value, radix: 16, uppercase: true))_" }

  /// A path does not end with a slash.
  private static func shortened(_ text: String, to count: Int) -> String {
    guard text.utf8.count > count else { return text }
    return String(text.prefix(count).reversed().drop { $0 == "/" || $0 == "." }.reversed())
  }
}
