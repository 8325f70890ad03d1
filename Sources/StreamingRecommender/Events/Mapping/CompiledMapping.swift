#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A mapping as the reader walks it: all paths merged into one tree, so that a record is read once.
///
/// The arrays that are read for each field of a record are kept behind pointers, which the reader follows without counting references.
/// They are never changed after the initialiser, which makes the class safe to share.
final class CompiledMapping: @unchecked Sendable {
  /// A value in the record; -1 stands for "none".
  struct Node: Sendable {
    /// The fields that are looked for, a range of `children`.
    var firstChild: Int32 = 0
    var childCount: Int32 = 0
    /// A bit for the first letter of each of them, to pass over most other names.
    var letters: UInt64 = 0
    /// The elements that are looked for by number, a range of `elements`.
    var firstElement: Int32 = 0
    var elementCount: Int32 = 0
    /// The node of every element, and the number and depth of the array among those that make several events.
    var each: Int32 = -1
    var array: Int32 = -1
    var level: Int32 = 0
    /// The node of the JSON in a text.
    var json: Int32 = -1
    var base64: Int32 = -1
    /// Where the value is noted.
    var slot: Int32 = -1
  }

  struct Child: Sendable {
    /// A range of `names`.
    var nameStart: Int32
    var nameCount: Int32
    /// The name as the path has it, also in `names`.
    var writtenStart: Int32
    var writtenCount: Int32
    /// The first byte in lower case.
    var first: UInt8
    var isExact: Bool
    var node: Int32
  }

  /// The arrays around a value that make several events of one record, from the outside in; -1 stands for "none".
  struct Chain: Hashable, Sendable {
    var outer: Int32 = -1
    var inner: Int32 = -1
    var levels: Int { inner >= 0 ? 2 : outer >= 0 ? 1 : 0 }

    /// Whether a value in these arrays belongs to an event in `other`.
    func isWithin(_ other: Chain) -> Bool { (outer < 0 || outer == other.outer) && (inner < 0 || inner == other.inner) }
  }

  enum Kind: UInt8, Sendable { case slot, constant, recordTime }

  /// Where a value comes from: a slot, one of `constants`, or the record's time.
  struct Candidate: Sendable {
    var kind: Kind
    var isFallback: Bool
    var number: Int32
    var chain = Chain()
  }

  struct Rule: Sendable {
    var candidate: Candidate
    var values: [[UInt8]]
    var isNegated: Bool
  }

  /// A text outside the value that is read as well.
  struct Attachment: Sendable {
    /// `nil` is the key.
    var header: String?
    var root: Int32
  }

  let nodes: UnsafeMutableBufferPointer<Node>
  let children: UnsafeMutableBufferPointer<Child>
  let elements: [(index: Int32, node: Int32)]
  let names: UnsafeMutableBufferPointer<UInt8>
  let constants: [[UInt8]]
  /// The arrays around each slot.
  let chains: [Chain]
  let attachments: [Attachment]
  let rules: [Rule]
  let isExclusive: Bool
  let isZeroNoValue: Bool
  /// The candidates of each field of `EventField.readFields`.
  let user: [Candidate]
  let item: [Candidate]
  let eventType: [Candidate]
  let eventValue: [Candidate]
  let timestamp: [Candidate]
  let eventID: [Candidate]
  let operation: [Candidate]
  let into: [Candidate]
  let deleted: [Candidate]
  let recommendationID: [Candidate]
  let impression: [Candidate]
  /// The paths of user and item as they are named in messages.
  let places: [EventField: String]

  static let root: Int32 = 0

  init(_ mapping: InputMapping) {
    var tree = MappingTree()
    var constants: [[UInt8]] = []
    func candidate(_ source: InputSource, isFallback: Bool) -> Candidate {
      switch source {
      case .constant(let text):
        constants.append(Array(text.utf8))
        return Candidate(kind: .constant, isFallback: isFallback, number: Int32(constants.count - 1))
      case .recordTime: return Candidate(kind: .recordTime, isFallback: isFallback, number: 0)
      default:
        let slot = tree.slot(source)
        return Candidate(kind: .slot, isFallback: isFallback, number: slot, chain: tree.chains[Int(slot)])
      }
    }
    func candidates(_ field: EventField) -> [Candidate] {
      var slots: Set<Int32> = []
      return (mapping.rows[field] ?? []).compactMap {
        let candidate = candidate($0.source, isFallback: $0.isFallback)
        // Names that differ only in case or separators are one place.
        return candidate.kind == .slot && !slots.insert(candidate.number).inserted ? nil : candidate
      }
    }
    user = candidates(.user)
    item = candidates(.item)
    eventType = candidates(.eventType)
    eventValue = candidates(.eventValue)
    timestamp = candidates(.timestamp)
    eventID = candidates(.eventID)
    operation = candidates(.operation)
    into = candidates(.into)
    deleted = candidates(.deleted)
    recommendationID = candidates(.recommendationID)
    impression = candidates(.impression)
    rules = mapping.rules.map {
      Rule(candidate: candidate($0.source, isFallback: true), values: $0.values.map { Array($0.utf8) }, isNegated: $0.isNegated)
    }
    isExclusive = mapping.isExclusive
    isZeroNoValue = mapping.isZeroNoValue
    places = mapping.rows.mapValues { $0.map { $0.source.description }.joined(separator: " | ") }
    tree.flatten()
    nodes = Self.kept(tree.nodes)
    children = Self.kept(tree.children)
    names = Self.kept(tree.names)
    elements = tree.elements
    chains = tree.chains
    attachments = tree.attachments
    self.constants = constants
  }

  deinit {
    nodes.deallocate()
    children.deallocate()
    names.deallocate()
  }

  private static func kept<Element>(_ elements: [Element]) -> UnsafeMutableBufferPointer<Element> {
    let copy = UnsafeMutableBufferPointer<Element>.allocate(capacity: elements.count)
    _ = copy.initialize(from: elements)
    return copy
  }

  /// Whether the record's value may be an array.
  var takesArrays: Bool { nodes[0].each >= 0 || nodes[0].elementCount > 0 }

  /// The index among `children` of the field with this name, or -1.
  @inline(__always) func child(of node: Node, named name: UnsafeBufferPointer<UInt8>) -> Int32 {
    guard name.count > 0 else { return -1 }
    let first = name[0] | 0x20
    guard node.letters & (1 &<< UInt64(first & 63)) != 0 else { return -1 }
    return search(node, name, first)
  }

  private func search(_ node: Node, _ name: UnsafeBufferPointer<UInt8>, _ first: UInt8) -> Int32 {
    let letters = names.baseAddress.unsafelyUnwrapped
    for index in node.firstChild..<node.firstChild &+ node.childCount {
      let child = children[Int(index)]
      guard child.first == first else { continue }
      // Mostly a name is written as it is in the records.
      if Int(child.writtenCount) == name.count,
        memcmp(letters + Int(child.writtenStart), name.baseAddress.unsafelyUnwrapped, name.count) == 0
      {
        return index
      }
      guard child.nameCount <= name.count else { continue }
      let wanted = UnsafeBufferPointer(start: letters + Int(child.nameStart), count: Int(child.nameCount))
      if child.isExact ? wanted.count == name.count && wanted.elementsEqual(name) : FoldedName.matches(wanted, name) { return index }
    }
    return -1
  }
}

/// Names without the differences between `userId`, `user_id`, `USER-ID`.
enum FoldedName {
  /// In lower case and without underscores and hyphens, except those at the start.
  static func fold(_ name: String) -> [UInt8] {
    var folded: [UInt8] = []
    for byte in name.utf8 {
      if byte == 0x5F || byte == 0x2D, folded.contains(where: { $0 != 0x5F && $0 != 0x2D }) { continue }
      folded.append(0x41...0x5A ~= byte ? byte | 0x20 : byte)
    }
    return folded
  }

  @inline(__always) static func matches(_ folded: UnsafeBufferPointer<UInt8>, _ name: UnsafeBufferPointer<UInt8>) -> Bool {
    var at = 0
    var isInside = false
    for byte in name {
      if byte == 0x5F || byte == 0x2D {
        if isInside { continue }
      } else {
        isInside = true
      }
      guard at < folded.count, folded[at] == (0x41...0x5A ~= byte ? byte | 0x20 : byte) else { return false }
      at += 1
    }
    return at == folded.count
  }
}

/// Merges paths into a tree and lays it out in arrays.
private struct MappingTree {
  private struct Building {
    var steps: [(step: InputPath.Step, node: Int32)] = []
    var slot: Int32 = -1
    var chain = CompiledMapping.Chain()
    /// The name as the first path has it.
    var written = ""
  }

  private var building: [Building] = [Building()]
  private var roots: [(attachment: InputSource, node: Int32)] = []
  private var arrayCount: Int32 = 0
  private var arrays: [Int32: Int32] = [:]
  private(set) var nodes: [CompiledMapping.Node] = []
  private(set) var children: [CompiledMapping.Child] = []
  private(set) var elements: [(index: Int32, node: Int32)] = []
  private(set) var names: [UInt8] = []
  private(set) var chains: [CompiledMapping.Chain] = []
  private(set) var attachments: [CompiledMapping.Attachment] = []

  /// The slot of a source in the record.
  mutating func slot(_ source: InputSource) -> Int32 {
    switch source {
    case .value(let path): slot(path, from: 0)
    case .key(let path): slot(path, from: root(of: .key(InputPath())))
    case .header(let name, let path): slot(path, from: root(of: .header(name, InputPath())))
    case .constant, .recordTime: preconditionFailure("no place in the record")
    }
  }

  private mutating func root(of attachment: InputSource) -> Int32 {
    if let known = roots.first(where: { $0.attachment == attachment }) { return known.node }
    building.append(Building())
    let node = Int32(building.count - 1)
    roots.append((attachment, node))
    return node
  }

  private mutating func slot(_ path: InputPath, from root: Int32) -> Int32 {
    var node = root
    for step in path.steps { node = next(Self.folded(step), written: step, from: node) }
    if building[Int(node)].slot < 0 {
      building[Int(node)].slot = Int32(chains.count)
      chains.append(building[Int(node)].chain)
    }
    return building[Int(node)].slot
  }

  private static func folded(_ step: InputPath.Step) -> InputPath.Step {
    guard case .name(let name, isExact: false) = step else { return step }
    return .name(String(decoding: FoldedName.fold(name), as: UTF8.self), isExact: false)
  }

  private mutating func next(_ step: InputPath.Step, written: InputPath.Step, from node: Int32) -> Int32 {
    if let known = building[Int(node)].steps.first(where: { $0.step == step }) { return known.node }
    var new = Building()
    new.chain = building[Int(node)].chain
    if case .name(let name, _) = written { new.written = name }
    if step == .each {
      if new.chain.outer < 0 { new.chain.outer = arrayCount } else { new.chain.inner = arrayCount }
      arrays[node] = arrayCount
      arrayCount += 1
    }
    building.append(new)
    let index = Int32(building.count - 1)
    building[Int(node)].steps.append((step, index))
    return index
  }

  mutating func flatten() {
    nodes = building.indices.map { node($0) }
    attachments = roots.map {
      if case .header(let name, _) = $0.attachment { return .init(header: name, root: $0.node) }
      return .init(header: nil, root: $0.node)
    }
  }

  private mutating func node(_ index: Int) -> CompiledMapping.Node {
    let built = building[index]
    var node = CompiledMapping.Node()
    node.slot = built.slot
    node.firstChild = Int32(children.count)
    node.firstElement = Int32(elements.count)
    // Quoted names first: they are more exact.
    for (step, child) in built.steps {
      if case .name(let name, isExact: true) = step { add(name, isExact: true, child) }
    }
    for (step, child) in built.steps {
      switch step {
      case .name(let name, isExact: false): add(name, isExact: false, child)
      case .name: break
      case .index(let number): elements.append((Int32(number), child))
      case .each:
        node.each = child
        node.array = arrays[Int32(index)] ?? -1
        node.level = built.chain.levels == 0 ? 0 : 1
      case .json: node.json = child
      case .base64: node.base64 = child
      }
    }
    node.childCount = Int32(children.count) - node.firstChild
    for child in children[Int(node.firstChild)...] { node.letters |= 1 &<< UInt64(child.first & 63) }
    node.elementCount = Int32(elements.count) - node.firstElement
    return node
  }

  private mutating func add(_ name: String, isExact: Bool, _ node: Int32) {
    let (bytes, written) = (Array(name.utf8), Array(building[Int(node)].written.utf8))
    children.append(
      .init(
        nameStart: Int32(names.count), nameCount: Int32(bytes.count), writtenStart: Int32(names.count + bytes.count),
        writtenCount: Int32(written.count), first: (bytes.first ?? 0) | 0x20, isExact: isExact, node: node))
    names += bytes + written
  }
}

extension InputSource: CustomStringConvertible {
  var description: String {
    switch self {
    case .value(let path): path.description
    case .key(let path): "@key" + path.description
    case .header(let name, let path): "@header.\(name)" + path.description
    case .recordTime: "@time"
    case .constant(let text): "=" + text
    }
  }
}

extension InputPath: CustomStringConvertible {
  var description: String {
    var text = ""
    for step in steps {
      switch step {
      case .name(let name, _): text += text.isEmpty ? name : ".\(name)"
      case .index(let index): text += "[\(index)]"
      case .each: text += "[]"
      case .json: text += ":json"
      case .base64: text += ":base64"
      }
    }
    return text
  }
}
