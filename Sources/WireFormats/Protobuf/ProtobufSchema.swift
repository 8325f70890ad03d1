import Foundation

/// The messages of a Protobuf schema in the form that `ProtobufReader` walks: numbered, with their fields in the order of field numbers.
struct ProtobufSchema: Sendable {
  enum Kind: UInt8, Sendable {
    case double, float, int32, int64, uint32, uint64, sint32, sint64, fixed32, fixed64, sfixed32, sfixed64, bool, string, bytes
    case enumeration, message
  }

  struct Field: Sendable {
    var number: Int32
    var kind: Kind
    var isRepeated = false
    var isMap = false
    /// Whether the first symbol of its enum is what an absent value means.
    var showsZero = false
    /// In `texts`: its name in quotes, and a colon.
    var textStart: Int32
    var textCount: Int32
    /// The number of its message or enum.
    var type: Int32 = -1
    /// The `oneof` that it is in, or -1.
    var oneof: Int32 = -1
  }

  struct Message: Sendable {
    var first: Int32 = 0
    var count: Int32 = 0
    var wellKnown = WellKnownType.none
    /// Fields of which the number tells the place: those numbered 1, 2, 3 ... without a gap.
    var dense: Int32 = 0
  }

  struct Symbol: Sendable {
    var number: Int32
    /// In `texts`: the name in quotes.
    var textStart: Int32
    var textCount: Int32
  }

  /// A message and those nested in it, as message indexes count them.
  struct Tree: Sendable {
    var name: String
    var message: Int32
    var children: [Tree]
  }

  private(set) var messages: [Message] = []
  private(set) var fields: [Field] = []
  /// The symbols of each enum, in the order of their numbers.
  private(set) var enums: [[Symbol]] = []
  private(set) var texts: [UInt8] = []
  private(set) var roots: [Tree] = []
  /// Fields that are passed over, because nothing defines their types.
  private(set) var undefined: [String] = []

  /// - Parameters:
  ///   - text: a .proto file, or a compiled one in base64.
  ///   - references: the files that it imports, by their paths.
  init(text: String, references: [(name: String, text: String)] = []) throws(SchemaRefusal) {
    var files: [(name: String, file: ProtoFile)] = []
    for reference in references { files.append((reference.name, try Self.file(reference.text))) }
    self = try Self(main: try Self.file(text), others: files)
  }

  /// - Parameter descriptors: a `FileDescriptorSet`, whose last file is the main one.
  init(descriptors bytes: [UInt8]) throws(SchemaRefusal) {
    var files = try DescriptorReader.files(bytes)
    guard let main = files.popLast() else { throw SchemaRefusal("the set of descriptors holds no file") }
    self = try Self(main: main.file, others: files)
  }

  private static func file(_ text: String) throws(SchemaRefusal) -> ProtoFile {
    // The letters of base64 are not the text of a file: that has a semicolon or a brace.
    if !text.utf8.contains(where: { $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: "{") }),
      let data = Data(base64Encoded: text, options: .ignoreUnknownCharacters), !data.isEmpty
    {
      return try DescriptorReader.file([UInt8](data)).file
    }
    return try ProtoParser.parse(text)
  }

  private init(main: ProtoFile, others: [(name: String, file: ProtoFile)]) throws(SchemaRefusal) {
    guard !main.messages.isEmpty else { throw SchemaRefusal("the Protobuf schema defines no message") }
    var linker = ProtobufLinker()
    // What a schema brings itself goes before what is known.
    let given = Set(others.map(\.name))
    for path in WellKnownType.paths where !given.contains(path) {
      if let file = WellKnownType.file(path) { _ = try linker.declare(file) }
    }
    for other in others { _ = try linker.declare(other.file) }
    roots = try linker.declare(main)
    try linker.link()
    messages = linker.messages
    fields = linker.fields
    enums = linker.enums
    texts = linker.texts
    undefined = linker.undefined
  }

  /// The message at a place in the file: its number among the top-level ones, among those nested in that, and so on.
  func message(at indexes: [Int]) -> Int32? {
    var trees = roots
    var found: Int32?
    for index in indexes {
      guard trees.indices.contains(index) else { return nil }
      found = trees[index].message
      trees = trees[index].children
    }
    return found
  }

  /// The message of this name, with or without its package; the first one if there is no name.
  func message(named name: String) -> Int32? {
    if name.isEmpty { return roots.first?.message }
    var trees = roots
    while !trees.isEmpty {
      if let found = trees.first(where: { $0.name == name || $0.name.hasSuffix("." + name) }) { return found.message }
      trees = trees.flatMap(\.children)
    }
    return nil
  }

  /// Where `number` stands among the message's fields, or -1.
  @inline(__always) func place(of number: Int32, in message: Message) -> Int32 {
    if number <= message.dense { return number - 1 }
    var low = message.dense
    var high = message.count
    while low < high {
      let middle = (low + high) / 2
      let found = fields[Int(message.first + middle)].number
      if found == number { return middle }
      if found < number { low = middle + 1 } else { high = middle }
    }
    return -1
  }

  func symbol(_ number: Int32, of type: Int32) -> Symbol? {
    let symbols = enums[Int(type)]
    var low = 0
    var high = symbols.count
    while low < high {
      let middle = (low + high) / 2
      if symbols[middle].number < number { low = middle + 1 } else { high = middle }
    }
    return low < symbols.count && symbols[low].number == number ? symbols[low] : nil
  }
}

/// Gives numbers to all messages and enums, then resolves the names of types.
private struct ProtobufLinker {
  private enum Target { case message(Int32), enumeration(Int32) }

  var messages: [ProtobufSchema.Message] = []
  var fields: [ProtobufSchema.Field] = []
  var enums: [[ProtobufSchema.Symbol]] = []
  var texts: [UInt8] = []
  var undefined: [String] = []
  private var targets: [String: Target] = [:]
  private var declared: [(message: ProtoMessage, fullName: String)] = []
  private var mapEntries: Set<Int32> = []
  private var symbolNames: [[String]] = []
  private static let typesMax = 20_000

  mutating func declare(_ file: ProtoFile) throws(SchemaRefusal) -> [ProtobufSchema.Tree] {
    for one in file.enums { try declare(one, file.package) }
    var trees: [ProtobufSchema.Tree] = []
    for message in file.messages { trees.append(try declare(message, file.package)) }
    return trees
  }

  private mutating func declare(_ message: ProtoMessage, _ scope: String) throws(SchemaRefusal) -> ProtobufSchema.Tree {
    guard messages.count + enums.count < Self.typesMax else {
      throw SchemaRefusal("the Protobuf schema has more than \(Self.typesMax) types")
    }
    let fullName = Self.joined(scope, message.name)
    let index = Int32(messages.count)
    messages.append(.init(wellKnown: WellKnownType(fullName: fullName)))
    declared.append((message, fullName))
    targets[fullName] = .message(index)
    if message.isMapEntry { mapEntries.insert(index) }
    for one in message.enums { try declare(one, fullName) }
    var children: [ProtobufSchema.Tree] = []
    for inner in message.messages {
      let tree = try declare(inner, fullName)
      // Message indexes do not count the entries of maps, which nobody wrote as messages.
      if !inner.isMapEntry { children.append(tree) }
    }
    return .init(name: fullName, message: index, children: children)
  }

  private mutating func declare(_ one: ProtoEnum, _ scope: String) throws(SchemaRefusal) {
    guard messages.count + enums.count < Self.typesMax else {
      throw SchemaRefusal("the Protobuf schema has more than \(Self.typesMax) types")
    }
    targets[Self.joined(scope, one.name)] = .enumeration(Int32(enums.count))
    var seen: Set<Int32> = []
    // Of several names for one number the first is its name.
    let values = one.values.filter { seen.insert($0.number).inserted }.sorted { $0.number < $1.number }
    symbolNames.append(values.map(\.name))
    enums.append(
      values.map { value in
        let (start, count) = add("\"\(value.name)\"")
        return .init(number: value.number, textStart: start, textCount: count)
      })
  }

  private mutating func add(_ text: String) -> (start: Int32, count: Int32) {
    texts += text.utf8
    return (Int32(texts.count - text.utf8.count), Int32(text.utf8.count))
  }

  private static func joined(_ scope: String, _ name: String) -> String { scope.isEmpty ? name : scope + "." + name }

  // MARK: Types of fields

  mutating func link() throws(SchemaRefusal) {
    for (index, entry) in declared.enumerated() {
      let first = Int32(fields.count)
      var seen: Set<Int32> = []
      for field in entry.message.fields.sorted(by: { $0.number < $1.number }) {
        guard field.number > 0, seen.insert(field.number).inserted else {
          throw SchemaRefusal("the field \(field.name.prefix(100)) of \(entry.fullName.prefix(200)) has no number of its own")
        }
        if let linked = link(field, entry.fullName) { fields.append(linked) }
      }
      messages[index].first = first
      messages[index].count = Int32(fields.count) - first
      messages[index].dense = Int32(fields[Int(first)...].enumerated().prefix { $0.element.number == $0.offset + 1 }.count)
      if messages[index].count < messages[index].wellKnown.fieldsMin { messages[index].wellKnown = .none }
    }
    for index in fields.indices where fields[index].isMap { fields[index].isMap = isEntry(messages[Int(fields[index].type)]) }
  }

  /// Whether a message has the key that entries of maps have; compiled files may say anything.
  private func isEntry(_ message: ProtobufSchema.Message) -> Bool {
    guard message.count >= 1 else { return false }
    let key = fields[Int(message.first)]
    return key.number == 1 && !key.isRepeated && key.kind != .message && key.kind != .enumeration
  }

  private mutating func link(_ field: ProtoField, _ scope: String) -> ProtobufSchema.Field? {
    var kind = ProtobufSchema.Kind.message
    var type: Int32 = -1
    switch field.type {
    case .scalar(let scalar): kind = Self.kind(scalar)
    case .named(let name):
      switch resolve(name, scope) {
      case .message(let index): type = index
      case .enumeration(let index): (kind, type) = (.enumeration, index)
      case nil:
        if undefined.count < 20 { undefined.append("\(scope).\(field.name) of type \(name)") }
        return nil
      }
    }
    let (start, count) = add("\"\(field.name)\":")
    var linked = ProtobufSchema.Field(number: field.number, kind: kind, isRepeated: field.isRepeated, textStart: start, textCount: count)
    linked.type = type
    linked.oneof = field.oneof
    linked.isMap = kind == .message && field.isRepeated && mapEntries.contains(type)
    // By the style guide the first symbol is `..._UNSPECIFIED` where it means nothing.
    linked.showsZero =
      kind == .enumeration && !field.isRepeated && !field.hasPresence
      && symbolNames[Int(type)].first.map { !$0.hasSuffix("UNSPECIFIED") } == true
      && enums[Int(type)].first?.number == 0
    return linked
  }

  private static func kind(_ scalar: ProtoScalar) -> ProtobufSchema.Kind {
    switch scalar {
    case .double: .double
    case .float: .float
    case .int32: .int32
    case .int64: .int64
    case .uint32: .uint32
    case .uint64: .uint64
    case .sint32: .sint32
    case .sint64: .sint64
    case .fixed32: .fixed32
    case .fixed64: .fixed64
    case .sfixed32: .sfixed32
    case .sfixed64: .sfixed64
    case .bool: .bool
    case .string: .string
    case .bytes: .bytes
    }
  }

  /// Looks for a name from the innermost scope outwards.
  private func resolve(_ name: String, _ scope: String) -> Target? {
    if name.first == "." { return targets[String(name.dropFirst())] }
    var scope = scope
    while true {
      if let found = targets[Self.joined(scope, name)] { return found }
      guard !scope.isEmpty else { return nil }
      scope = scope.lastIndex(of: ".").map { String(scope[..<$0]) } ?? ""
    }
  }
}
