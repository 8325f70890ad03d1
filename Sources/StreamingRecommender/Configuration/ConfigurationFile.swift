import Foundation

/// Reads the JSON of a configuration file, or of another document that people write.
public enum ConfigurationFile {
  /// Why a file cannot be used, without its path.
  public struct Fault: Error, CustomStringConvertible {
    public let description: String
  }

  private static let depthMax = 128

  /// The members of the file's object, in no particular order.
  public static func members(_ path: String) throws(Fault) -> [String: ConfigurationInput] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Fault(description: "it does not exist or cannot be read")
    }
    if let fault = syntaxFault([UInt8](data)) { throw Fault(description: "not valid JSON: \(fault)") }
    guard case .object(let members)? = try? JSONDecoder().decode(ConfigurationInput.self, from: data) else {
      throw Fault(description: "must hold one JSON object, such as {\"model\": {\"factors\": 64}}")
    }
    return members
  }

  /// Flattens nested objects to dotted names, sorted by name.
  public static func leaves(of members: [String: ConfigurationInput], prefix: String = "") -> [(String, ConfigurationInput)] {
    members.sorted { $0.key < $1.key }.flatMap { name, input in
      if case .object(let inner) = input { return leaves(of: inner, prefix: prefix + name + ".") }
      return [(prefix + name, input)]
    }
  }

  // MARK: Syntax

  /// Returns the first syntax error, such as `line 3, column 7: expected :`, or `nil` if the text is one JSON value. Columns count
  /// characters from 1.
  static func syntaxFault(_ text: [UInt8]) -> String? {
    guard !text.isEmpty else { return "line 1, column 1: the file is empty" }
    return text.withUnsafeBufferPointer { bytes in
      var scanner = JSONScanner(bytes, from: 0, depthMax: depthMax)
      do throws(JSONFault) {
        try scanner.skipValue(open: 0)
        scanner.skipSpace()
        return scanner.at == bytes.count ? nil : describe(scanner.at, "nothing may follow the closing bracket", bytes)
      } catch {
        return describe(error, bytes)
      }
    }
  }

  private static func describe(_ fault: JSONFault, _ bytes: UnsafeBufferPointer<UInt8>) -> String {
    switch fault {
    case .syntax(let offset, let complaint): describe(offset, "\(complaint)", bytes)
    case .utf8(let offset): describe(offset, "not UTF-8", bytes)
    case .tooDeep(let offset): describe(offset, "nested deeper than \(depthMax) levels", bytes)
    }
  }

  private static func describe(_ offset: Int, _ complaint: String, _ bytes: UnsafeBufferPointer<UInt8>) -> String {
    let before = bytes[..<min(offset, bytes.count)]
    let line = 1 + before.count { $0 == UInt8(ascii: "\n") }
    let lineStart = (before.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
    let column = 1 + String(decoding: before[lineStart...], as: UTF8.self).count
    let end = offset >= bytes.count ? ", but the file ends here" : ""
    return "line \(line), column \(column): \(complaint)\(end)"
  }
}
