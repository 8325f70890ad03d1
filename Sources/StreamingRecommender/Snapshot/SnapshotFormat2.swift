/// Reads snapshot format 2, in which sections have no versions and user indices span all partitions.
struct SnapshotFormat2 {
  private let path: String
  private let settings: EngineSettings
  private var seen: Set<SnapshotFraming.Kind> = []
  private var sequence: UInt64 = 0
  private var state: EngineState
  private var epoch: UInt32 = 0
  private var rolledOutEpoch: UInt32 = 0
  private var eventsSinceFreeze = 0
  private var evicted = (history: 0, seen: 0)
  private var model: InstalledModel?
  private var newItems: [Int32: [Int32]] = [:]
  private var users: [Int32: User] = [:]

  private struct User {
    var id: [UInt8]
    var history: UserHistory
    var state: ServedFactors.State
    var vector: [Float]
  }

  static func read(_ reader: inout ByteReader, path: String, settings: EngineSettings) throws -> Snapshot {
    var assembly = SnapshotFormat2(path: path, settings: settings)
    while true {
      let kind: UInt32 = try reader.read()
      let length: UInt64 = try reader.read()
      let sum: UInt32 = try reader.read()
      let payload = try SnapshotFraming.readPayload(&reader, length, path)
      var header = ByteWriter()
      header.write(kind)
      header.write(length)
      guard SnapshotFraming.checksum(header.bytes, payload) == sum else {
        throw SnapshotError(.checksumMismatch(section: SnapshotFraming.name(kind)), path: path)
      }
      guard let kind = SnapshotFraming.Kind(rawValue: kind), kind.rawValue <= 8 else { throw assembly.malformed("unknown section \(kind)") }
      if kind == .end { break }
      try assembly.add(kind, payload)
    }
    guard reader.remaining == 0 else { throw assembly.malformed("trailing bytes after the last section") }
    return try assembly.finished()
  }

  private init(path: String, settings: EngineSettings) {
    self.path = path
    self.settings = settings
    state = EngineState(settings)
  }

  private func malformed(_ why: String) -> SnapshotError { SnapshotError(.malformed(why), path: path) }

  private mutating func add(_ kind: SnapshotFraming.Kind, _ payload: UnsafeRawBufferPointer) throws {
    guard seen.insert(kind).inserted || kind == .users || kind == .transitions else { throw malformed("duplicate section \(kind)") }
    var reader = ByteReader(payload, path: path)
    switch kind {
    case .engine: try readEngine(&reader)
    case .offsets:
      for _ in 0..<(try reader.readCount(each: 14)) {
        let partition = try SnapshotReader.readPartitionName(&reader)
        state.offsets[partition] = try reader.readBounded()
      }
    case .items: for _ in 0..<(try reader.readCount(each: 2)) { state.catalogue.items.restore(try reader.readName()) }
    case .trend: state.catalogue.trend = try SnapshotReader.readTrend(&reader, path)
    case .model: try readModel(&reader)
    case .transitions: try SnapshotReader.readTransitions(&reader, &state.catalogue, path)
    case .users: try readUsers(&reader)
    default: break
    }
    guard reader.remaining == 0 else { throw malformed("section \(kind) has trailing bytes") }
  }

  private mutating func readEngine(_ reader: inout ByteReader) throws {
    sequence = UInt64(try reader.readCounter())
    epoch = try reader.read()
    rolledOutEpoch = try reader.read()
    guard max(epoch, rolledOutEpoch) <= ModelLifecycle.epochMax else { throw malformed("epoch \(epoch)") }
    state.eventsApplied = UInt64(try reader.readCounter())
    eventsSinceFreeze = try reader.readCounter()
    var topics: [String] = []
    for _ in 0..<(try reader.readCount(each: 2)) { topics.append(String(decoding: try reader.readName(), as: UTF8.self)) }
    state.topics = try SnapshotReader.topicNumbers(topics, settings, path)
    evicted = (try reader.readCounter(), try reader.readCounter())
    state.users.newestTimeMilliseconds = try reader.readBounded()
    _ = try reader.readCounter()  // number of user indices; users get new indices
    for _ in 0..<(try reader.readCount(each: 2)) { state.forgotten.insert(Identifier(try reader.readName())) }
  }

  private mutating func readModel(_ reader: inout ByteReader) throws {
    for _ in 0..<(try reader.readCount(each: 12)) {
      let item: Int32 = try reader.read()
      var users: [Int32] = []
      for _ in 0..<(try reader.readCount(each: 4)) { users.append(try reader.read()) }
      newItems[item] = users
    }
    model = try SnapshotReader.readInstalledModel(&reader, path)
  }

  private mutating func readUsers(_ reader: inout ByteReader) throws {
    _ = try reader.read(UInt16.self)  // partition of the last write; the partition of a user now follows from its id
    for _ in 0..<(try reader.readCount(each: 23)) {
      let index: Int32 = try reader.read()
      guard index >= 0, users[index] == nil else { throw malformed("user \(index)") }
      let id = try reader.readName()
      let history = try SnapshotReader.readHistory(&reader, items: state.catalogue.items.capacity, path)
      guard let vectorState = ServedFactors.State(rawValue: try reader.read()), vectorState == .none || model != nil, !id.isEmpty else {
        throw malformed("invalid state of a user vector")
      }
      let vector = vectorState == .none ? [] : try reader.readFiniteFloats(model!.factors)
      users[index] = User(id: id, history: history, state: vectorState, vector: vector)
    }
  }

  private func finished() throws -> Snapshot {
    guard seen.isSuperset(of: [.engine, .offsets, .items, .trend, .model]) else { throw malformed("a section is missing") }
    var state = self.state
    var partition = UserPartition(number: 0, factors: model?.factors ?? settings.parameters.factors)
    var places: [Int32: UserReference] = [:]
    for (index, user) in users.sorted(by: { $0.key < $1.key }) {
      guard partition.ids.find(user.id) == nil else { throw malformed("duplicate user") }
      let place = Int32(partition.capacity)
      partition.restore(user.id, user.history)
      if user.state != .none { partition.served.set(place, to: user.vector, state: user.state) }
      places[index] = UserReference(partition: 0, index: place)
    }
    partition.restoreCounts(evictedFromHistory: evicted.history, evictedFromSeen: evicted.seen)
    state.users.replace(partition)
    for (item, users) in newItems { state.catalogue.newItems.restore(item, users.compactMap { places[$0] }) }
    try SnapshotReader.checkReferences(state, model, path)
    return Snapshot(
      sequence: sequence, state: state, model: model, epoch: max(epoch, model?.epoch ?? 0), rolledOutEpoch: rolledOutEpoch,
      eventsSinceFreeze: eventsSinceFreeze)
  }
}
