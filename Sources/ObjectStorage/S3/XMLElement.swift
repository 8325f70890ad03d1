/// An element of the small XML documents that S3 servers answer with. Attributes, comments and instructions are skipped.
struct XMLElement {
  var name: String
  var text = ""
  var children: [XMLElement] = []

  subscript(_ name: String) -> String? { children.first { $0.name == name }?.text }

  func all(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }

  /// Returns the outermost element, or `nil` if the bytes are not such a document.
  static func parse(_ bytes: [UInt8]) -> XMLElement? {
    var open: [XMLElement] = [XMLElement(name: "")]
    var position = 0
    func find(_ text: String, from start: Int) -> Int? {
      let wanted = Array(text.utf8)
      guard start + wanted.count <= bytes.count else { return nil }
      return (start...(bytes.count - wanted.count)).first { bytes[$0...].starts(with: wanted) }
    }
    while position < bytes.count {
      guard bytes[position] == UInt8(ascii: "<") else {
        let end = bytes[position...].firstIndex(of: UInt8(ascii: "<")) ?? bytes.count
        guard let text = unescaped(bytes[position..<end]) else { return nil }
        open[open.count - 1].text += text
        position = end
        continue
      }
      let rest = bytes[(position + 1)...]
      if rest.starts(with: "!--".utf8) {
        guard let end = find("-->", from: position) else { return nil }
        position = end + 3
      } else if rest.starts(with: "![CDATA[".utf8) {
        guard let end = find("]]>", from: position), let text = String(validating: bytes[(position + 9)..<end], as: UTF8.self) else {
          return nil
        }
        open[open.count - 1].text += text
        position = end + 3
      } else {
        guard let end = find(">", from: position) else { return nil }
        let inside = bytes[(position + 1)..<end]
        position = end + 1
        // No definitions of entities, which could grow without bound.
        if inside.first == UInt8(ascii: "!") { return nil }
        if inside.first == UInt8(ascii: "?") { continue }
        if inside.first == UInt8(ascii: "/") {
          guard open.count > 1, let element = open.popLast(), element.name == name(inside.dropFirst()) else { return nil }
          open[open.count - 1].children.append(element)
        } else {
          guard open.count < 20 else { return nil }
          let element = XMLElement(name: name(inside))
          if inside.last == UInt8(ascii: "/") { open[open.count - 1].children.append(element) } else { open.append(element) }
        }
      }
    }
    return open.count == 1 && open[0].children.count == 1 ? open[0].children[0] : nil
  }

  /// Without a name space and attributes.
  private static func name(_ inside: ArraySlice<UInt8>) -> String {
    let word = inside.prefix { $0 > 0x20 && $0 != UInt8(ascii: "/") }
    return String(decoding: word.split(separator: UInt8(ascii: ":")).last ?? word, as: UTF8.self)
  }

  private static func unescaped(_ bytes: ArraySlice<UInt8>) -> String? {
    guard var text = String(validating: bytes, as: UTF8.self)?[...] else { return nil }
    guard text.contains("&") else { return String(text) }
    var plain = ""
    while let start = text.firstIndex(of: "&") {
      plain += text[..<start]
      guard let end = text[start...].firstIndex(of: ";") else { return nil }
      let entity = text[text.index(after: start)..<end]
      switch entity {
      case "amp": plain += "&"
      case "lt": plain += "<"
      case "gt": plain += ">"
      case "quot": plain += "\""
      case "apos": plain += "'"
      default:
        let number =
          entity.hasPrefix("#x") ? UInt32(entity.dropFirst(2), radix: 16) : entity.hasPrefix("#") ? UInt32(entity.dropFirst()) : nil
        guard let scalar = number.flatMap(Unicode.Scalar.init) else { return nil }
        plain.unicodeScalars.append(scalar)
      }
      text = text[text.index(after: end)...]
    }
    return plain + text
  }

  static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
  }
}
