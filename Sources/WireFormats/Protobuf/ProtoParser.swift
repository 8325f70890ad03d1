/// Reads the text of a .proto file: proto2, proto3 and editions.
///
/// What does not change how bytes are read (options, services, extensions, reserved names) is passed over.
struct ProtoParser {
  private var tokens: ProtoTokens
  private var file = ProtoFile()
  private static let depthMax = 32

  static func parse(_ text: String) throws(SchemaRefusal) -> ProtoFile {
    var parser = ProtoParser(tokens: try ProtoTokens(text))
    try parser.readFile()
    return parser.file
  }

  private mutating func readFile() throws(SchemaRefusal) {
    while tokens.next != .end {
      if try tokens.skip(oneOf: "syntax", "edition") {
        try tokens.expect("=")
        file.hasImplicitPresence = try tokens.text() == "proto3"
        try tokens.expect(";")
      } else if try tokens.skip("package") {
        file.package = try tokens.word()
        try tokens.expect(";")
      } else if try tokens.skip("import") {
        if case .word = tokens.next { _ = try tokens.word() }
        file.imports.append(try tokens.text())
        try tokens.expect(";")
      } else if try tokens.skip("message") {
        file.messages.append(try message(depth: 1))
      } else if try tokens.skip("enum") {
        file.enums.append(try enumeration())
      } else {
        // `export message` and `local enum` of newer editions.
        if try tokens.skip(oneOf: "export", "local") { continue }
        try tokens.skipStatement()
      }
    }
  }

  // MARK: Messages

  private mutating func message(depth: Int) throws(SchemaRefusal) -> ProtoMessage {
    var message = ProtoMessage(name: try tokens.word())
    try readBody(of: &message, depth)
    return message
  }

  private mutating func readBody(of message: inout ProtoMessage, _ depth: Int) throws(SchemaRefusal) {
    guard depth <= Self.depthMax else { throw tokens.refusal("messages are nested deeper than \(Self.depthMax)") }
    var oneofs: Int32 = 0
    try tokens.expect("{")
    while try !tokens.skip(sign: "}") {
      guard case .word(let word) = tokens.next else {
        // An empty statement, or a type that begins with a dot.
        if try tokens.skip(sign: ";") { continue }
        throw tokens.refusal("expected a field, a message or an enum")
      }
      _ = try tokens.take()
      switch word {
      case "message" where isName: message.messages.append(try self.message(depth: depth + 1))
      case "enum" where isName: message.enums.append(try enumeration())
      case "oneof" where isName:
        try readOneof(of: &message, number: oneofs, depth)
        oneofs += 1
      case "option", "reserved", "extensions", "extend": try tokens.skipStatement()
      case "export", "local": continue
      default: try readField(word, of: &message, depth)
      }
    }
  }

  /// Whether a name is next: words such as `message` may be types of fields as well.
  private var isName: Bool { if case .word = tokens.next { true } else { false } }

  private mutating func readOneof(of message: inout ProtoMessage, number: Int32, _ depth: Int) throws(SchemaRefusal) {
    _ = try tokens.word()
    try tokens.expect("{")
    while try !tokens.skip(sign: "}") {
      if try tokens.skip(sign: ";") { continue }
      let word = try tokens.word()
      if word == "option" {
        try tokens.skipStatement()
        continue
      }
      let count = message.fields.count
      try readField(word, of: &message, depth)
      for index in count..<message.fields.count {
        message.fields[index].oneof = number
        message.fields[index].hasPresence = true
      }
    }
  }

  // MARK: Fields

  private mutating func readField(_ first: String, of message: inout ProtoMessage, _ depth: Int) throws(SchemaRefusal) {
    var type = first
    var isRepeated = false
    var hasPresence = !file.hasImplicitPresence
    if ["optional", "required", "repeated"].contains(first), isName {
      isRepeated = first == "repeated"
      hasPresence = !isRepeated
      type = try tokens.word()
    }
    if type == "map", try tokens.skip(sign: "<") { return try readMap(of: &message) }
    let name = try tokens.word()
    try tokens.expect("=")
    let number = try tokens.number()
    if type == "group" {
      if tokens.next == .sign(UInt8(ascii: "[")) { try tokens.skipBlock("[", "]") }
      var inner = ProtoMessage(name: name)
      try readBody(of: &inner, depth + 1)
      message.messages.append(inner)
      message.fields.append(
        ProtoField(name: name.lowercased(), number: number, type: .named(name), isRepeated: isRepeated, hasPresence: true))
      return
    }
    try endField()
    let kind = ProtoScalar(rawValue: type).map { ProtoType.scalar($0) } ?? .named(type)
    message.fields.append(
      ProtoField(name: name, number: number, type: kind, isRepeated: isRepeated, hasPresence: hasPresence && !isRepeated))
  }

  private mutating func endField() throws(SchemaRefusal) {
    if tokens.next == .sign(UInt8(ascii: "[")) { try tokens.skipBlock("[", "]") }
    try tokens.expect(";")
  }

  private mutating func readMap(of message: inout ProtoMessage) throws(SchemaRefusal) {
    let key = try tokens.word()
    try tokens.expect(",")
    let value = try tokens.word()
    try tokens.expect(">")
    let name = try tokens.word()
    try tokens.expect("=")
    let number = try tokens.number()
    try endField()
    guard let keyType = ProtoScalar(rawValue: key) else { throw tokens.refusal("\(key.prefix(40)) is no type of a map's key") }
    // A name that no message can have.
    let entry = name + "-entry"
    let valueType = ProtoScalar(rawValue: value).map { ProtoType.scalar($0) } ?? .named(value)
    message.messages.append(
      ProtoMessage(
        name: entry,
        fields: [
          ProtoField(name: "key", number: 1, type: .scalar(keyType), hasPresence: true),
          ProtoField(name: "value", number: 2, type: valueType, hasPresence: true),
        ], isMapEntry: true))
    message.fields.append(ProtoField(name: name, number: number, type: .named(entry), isRepeated: true))
  }

  // MARK: Enums

  private mutating func enumeration() throws(SchemaRefusal) -> ProtoEnum {
    var result = ProtoEnum(name: try tokens.word())
    try tokens.expect("{")
    while try !tokens.skip(sign: "}") {
      if try tokens.skip(sign: ";") { continue }
      let name = try tokens.word()
      if name == "option" || name == "reserved", tokens.next != .sign(UInt8(ascii: "=")) {
        try tokens.skipStatement()
        continue
      }
      try tokens.expect("=")
      result.values.append((name, try tokens.number()))
      try endField()
    }
    return result
  }
}
