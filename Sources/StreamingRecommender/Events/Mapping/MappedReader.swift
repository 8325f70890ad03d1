/// Reads one record along the paths of a mapping, in one pass, and notes where the values are.
///
/// Values are interpreted only after the whole record has been validated as JSON.
struct MappedReader {
  /// A value that a path leads to.
  struct Capture {
    /// The first byte of the value in `text`.
    var start: Int32
    /// 0 is the record's value, others are opened texts.
    var text: Int32
    /// The elements of the arrays around it.
    var outer: Int32
    var inner: Int32
    /// The next capture of the slot, or -1.
    var next: Int32
    /// Whether the whole text is the value, rather than JSON.
    var isRaw: Bool
  }

  private struct Slot {
    var first: Int32 = -1
    var last: Int32 = -1
    var cursor: Int32 = -1
  }

  /// How many elements an array has.
  struct Extent {
    var array: Int32
    var outer: Int32
    var count: Int32
  }

  let rules: DecodingRules
  let mapping: CompiledMapping
  private(set) var scanner: JSONScanner
  private let recordBase: UnsafePointer<UInt8>
  private let recordEnd: Int
  private(set) var captures: [Capture] = []
  private var slots: [Slot]
  private(set) var extents: [Extent] = []
  private var opened: OpenedTexts?
  /// The text that the scanner is in.
  private var text: Int32 = 0
  private var outer: Int32 = 0
  private var inner: Int32 = 0
  private(set) var fault: DecodingFailure?

  init(rules: DecodingRules, mapping: CompiledMapping, bytes: UnsafeBufferPointer<UInt8>, start: Int) {
    self.rules = rules
    self.mapping = mapping
    scanner = JSONScanner(bytes, from: start, depthMax: rules.input.maxDepth)
    recordBase = scanner.base
    recordEnd = scanner.end
    slots = [Slot](repeating: Slot(), count: mapping.chains.count)
    captures.reserveCapacity(12)
  }

  mutating func note(_ reason: RejectionReason, _ message: @autoclosure () -> String) {
    if fault == nil { fault = DecodingFailure(reason, message()) }
  }

  // MARK: Reading

  mutating func readRecord(_ record: Record) throws(JSONFault) {
    scanner.skipByteOrderMark()
    scanner.skipSpace()
    if scanner.peek() == 0x7B || (scanner.peek() == 0x5B && mapping.takesArrays) {
      try read(CompiledMapping.root, open: 0)
    } else {
      try scanner.skipValue(open: 0)
      note(.notObject, "the value is JSON but not an object")
    }
    scanner.skipSpace()
    guard scanner.at == scanner.end else { throw scanner.unexpected("unexpected data after the object") }
    for attachment in mapping.attachments {
      let bytes = attachment.header.map { name in record.headers.last { $0.name == name }?.value } ?? record.key
      if let bytes { readText(bytes, mapping.nodes[Int(attachment.root)], open: 0) }
    }
  }

  /// Reads the key of a record as a document of its own.
  mutating func readDocument() throws(JSONFault) {
    scanner.skipSpace()
    try read(CompiledMapping.root, open: 0)
    scanner.skipSpace()
    guard scanner.at == scanner.end else { throw scanner.unexpected("unexpected data after the value") }
  }

  private mutating func read(_ index: Int32, open: Int) throws(JSONFault) {
    scanner.skipSpace()
    let node = mapping.nodes[Int(index)]
    let byte = scanner.peek()
    if byte == 0x6E { return try scanner.skipLiteral() }
    if node.slot >= 0 { capture(node.slot, isRaw: false) }
    let start = scanner.at
    var isRead = false
    if byte == 0x7B, node.childCount > 0 {
      try readObject(node, open: open)
      isRead = true
    } else if byte == 0x5B, node.each >= 0 || node.elementCount > 0 {
      try readArray(node, open: open)
      isRead = true
    } else if byte == 0x22, node.json >= 0 || node.base64 >= 0 {
      scanner.at += 1
      let bytes = scanner.bytes(of: try scanner.text())
      if node.json >= 0 { readJSON(bytes, at: node.json, open: open) }
      if node.base64 >= 0 { readBase64(bytes, at: node.base64, open: open) }
      return
    }
    if node.json >= 0, byte == 0x7B || byte == 0x5B {
      let end = scanner.at
      scanner.at = start
      try read(node.json, open: open)
      if isRead { scanner.at = end }
      return
    }
    if !isRead { try scanner.skipValue(open: open) }
  }

  private mutating func readObject(_ node: CompiledMapping.Node, open: Int) throws(JSONFault) {
    try scanner.enter(open: open)
    scanner.skipSpace()
    if scanner.peek() == 0x7D {
      scanner.at += 1
      return
    }
    var seen: UInt64 = 0
    while true {
      scanner.skipSpace()
      try scanner.expect(0x22, "expected a field name in quotes")
      let name = try scanner.text()
      scanner.skipSpace()
      try scanner.expect(0x3A, "expected :")
      let child = child(of: node, named: name)
      if child >= 0 {
        // Beyond 64 names, which no preset has, a repetition is not noticed.
        let bit = UInt64(1) << UInt64(child - node.firstChild)
        if seen & bit != 0 { noteDuplicate(name) }
        seen |= bit
        try read(mapping.children[Int(child)].node, open: open + 1)
      } else {
        try scanner.skipValue(open: open + 1)
      }
      scanner.skipSpace()
      if scanner.peek() == 0x2C {
        scanner.at += 1
        continue
      }
      return try scanner.expect(0x7D, "expected , or }")
    }
  }

  @inline(__always) private func child(of node: CompiledMapping.Node, named name: JSONText) -> Int32 {
    if name.isEscaped { return scanner.bytes(of: name).withUnsafeBufferPointer { mapping.child(of: node, named: $0) } }
    return mapping.child(of: node, named: UnsafeBufferPointer(start: scanner.base + name.start, count: name.count))
  }

  private mutating func noteDuplicate(_ name: JSONText) {
    let text = String(decoding: scanner.bytes(of: name).prefix(80), as: UTF8.self)
    note(.duplicateField, "\(text) appears more than once")
  }

  private mutating func readArray(_ node: CompiledMapping.Node, open: Int) throws(JSONFault) {
    try scanner.enter(open: open)
    scanner.skipSpace()
    var count: Int32 = 0
    if scanner.peek() == 0x5D {
      scanner.at += 1
    } else {
      while true {
        try readElement(count, node, open: open + 1)
        count += 1
        scanner.skipSpace()
        if scanner.peek() == 0x2C {
          scanner.at += 1
          continue
        }
        try scanner.expect(0x5D, "expected , or ]")
        break
      }
    }
    guard node.each >= 0 else { return }
    extents.append(Extent(array: node.array, outer: node.level == 0 ? 0 : outer, count: count))
    if node.level == 0 { (outer, inner) = (0, 0) } else { inner = 0 }
  }

  private mutating func readElement(_ index: Int32, _ node: CompiledMapping.Node, open: Int) throws(JSONFault) {
    var isRead = false
    scanner.skipSpace()
    let start = scanner.at
    for element in node.firstElement..<node.firstElement + node.elementCount where mapping.elements[Int(element)].index == index {
      try read(mapping.elements[Int(element)].node, open: open)
      isRead = true
    }
    if node.each >= 0 {
      if node.level == 0 { outer = index } else { inner = index }
      scanner.at = start
      try read(node.each, open: open)
      isRead = true
    }
    if !isRead { try scanner.skipValue(open: open) }
  }

  private mutating func capture(_ slot: Int32, isRaw: Bool) {
    let index = Int32(captures.count)
    captures.append(
      Capture(start: Int32(isRaw ? 0 : scanner.at), text: text, outer: outer, inner: inner, next: -1, isRaw: isRaw))
    let at = Int(slot)
    if slots[at].first < 0 {
      slots[at] = Slot(first: index, last: index, cursor: index)
    } else {
      captures[Int(slots[at].last)].next = index
      slots[at].last = index
    }
  }

  // MARK: Texts that hold values

  /// A key, a header, or the content of a string.
  private mutating func readText(_ bytes: [UInt8], _ node: CompiledMapping.Node, open: Int) {
    if node.slot >= 0 {
      enter(bytes) { reader in reader.capture(node.slot, isRaw: true) }
    }
    if node.json >= 0 { readJSON(bytes, at: node.json, open: open) }
    if node.base64 >= 0 { readBase64(bytes, at: node.base64, open: open) }
  }

  private mutating func readBase64(_ bytes: [UInt8], at index: Int32, open: Int) {
    guard let decoded = Base64.decoded(bytes) else { return note(.badJSON, "a text that should be base64 is not") }
    readJSON(decoded, at: index, open: open)
  }

  /// Reads JSON in a text. A text that does not begin as JSON holds none.
  private mutating func readJSON(_ bytes: [UInt8], at index: Int32, open: Int) {
    guard let first = bytes.first(where: { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }),
      first == 0x7B || first == 0x5B || first == 0x22
    else { return }
    enter(bytes) { reader in
      do throws(JSONFault) {
        try reader.read(index, open: open)
        reader.scanner.skipSpace()
        guard reader.scanner.at == reader.scanner.end else { throw reader.scanner.unexpected("unexpected data after the value") }
      } catch {
        let failure = reader.rules.failure(error)
        reader.note(failure.reason, "the JSON in a text: \(failure.message)")
      }
    }
  }

  /// Moves the scanner into another text for the duration of `body`.
  private mutating func enter(_ bytes: [UInt8], _ body: (inout MappedReader) -> Void) {
    let texts = opened ?? OpenedTexts()
    opened = texts
    let outerText = text
    let outerScanner = scanner
    text = texts.add(bytes)
    scanner = JSONScanner(texts[text], from: 0, depthMax: scanner.depthMax)
    body(&self)
    scanner = outerScanner
    text = outerText
  }

  // MARK: Values

  /// The captured value of a slot for the event at these elements. Events must be asked for in ascending order.
  @inline(__always) mutating func value(_ slot: Int32, _ chain: CompiledMapping.Chain, outer: Int32, inner: Int32) -> MappedValue? {
    let at = slots[Int(slot)].cursor
    guard at >= 0 else { return nil }
    if chain.outer < 0 { return value(captures[Int(at)]) }
    return value(slot, from: at, isInner: chain.inner >= 0, outer, inner)
  }

  private mutating func value(_ slot: Int32, from start: Int32, isInner: Bool, _ outer: Int32, _ inner: Int32) -> MappedValue? {
    var at = start
    while at >= 0 {
      let capture = captures[Int(at)]
      if capture.outer > outer { return nil }
      if capture.outer == outer, !isInner || capture.inner >= inner {
        return !isInner || capture.inner == inner ? value(capture) : nil
      }
      at = capture.next
      // The cursor stays at the end, so that a later event does not begin again.
      slots[Int(slot)].cursor = at
    }
    return nil
  }

  private func value(_ capture: Capture) -> MappedValue {
    if capture.text == 0 { return .json(scanner(recordBase, recordEnd, at: capture.start)) }
    guard let bytes = opened?[capture.text] else { preconditionFailure("a capture in a text that was not opened") }
    if capture.isRaw { return .text(bytes) }
    guard let base = bytes.baseAddress else { preconditionFailure("JSON in an empty text") }
    return .json(scanner(base, bytes.count, at: capture.start))
  }

  private func scanner(_ base: UnsafePointer<UInt8>, _ end: Int, at start: Int32) -> JSONScanner {
    JSONScanner(UnsafeBufferPointer(start: base, count: end), from: Int(start), depthMax: scanner.depthMax)
  }

  /// Whether the slot has a value in any event.
  func hasValue(_ slot: Int32) -> Bool { slots[Int(slot)].first >= 0 }
}

/// A value that was found for a field.
enum MappedValue {
  /// A scanner at the first byte of a validated JSON value.
  case json(JSONScanner)
  /// A header or a key.
  case text(UnsafeBufferPointer<UInt8>)
  case constant([UInt8])
}

/// Texts that were decoded while a record was read. They keep their addresses until the reader is gone.
final class OpenedTexts {
  private var texts: [UnsafeMutableBufferPointer<UInt8>] = []

  deinit { for text in texts { text.deallocate() } }

  /// Returns the number of the text, from 1.
  func add(_ bytes: [UInt8]) -> Int32 {
    // A zero byte more, so that an empty text has an address.
    let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count + 1)
    _ = copy.initialize(from: bytes + [0])
    texts.append(copy)
    return Int32(texts.count)
  }

  subscript(_ number: Int32) -> UnsafeBufferPointer<UInt8> {
    let text = texts[Int(number) - 1]
    return UnsafeBufferPointer(start: text.baseAddress, count: text.count - 1)
  }
}

enum Base64 {
  /// Decodes the standard and the URL alphabet, with or without padding; `nil` if a character is of neither.
  static func decoded(_ text: [UInt8]) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count * 3 / 4)
    var (word, bits): (UInt32, UInt32) = (0, 0)
    var padding = false
    for character in text {
      let value: UInt8
      switch character {
      case 0x41...0x5A: value = character - 0x41
      case 0x61...0x7A: value = character - 0x61 + 26
      case 0x30...0x39: value = character - 0x30 + 52
      case 0x2B, 0x2D: value = 62
      case 0x2F, 0x5F: value = 63
      case 0x3D:
        padding = true
        continue
      default: return nil
      }
      if padding { return nil }
      word = word << 6 | UInt32(value)
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: word >> bits))
      }
    }
    return bits == 6 ? nil : bytes
  }
}
