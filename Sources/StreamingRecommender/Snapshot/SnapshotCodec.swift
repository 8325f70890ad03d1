import CKernels
import Factorization

/// The bytes of a snapshot: a header with the version first, then sections, each with its length and checksum, the last one empty.
/// schemas/snapshot-format.md describes them. Users stand in one section per partition (large ones in several).
public enum SnapshotCodec {
  public static let version: UInt32 = 2
  static let magic: [UInt8] = Array("FRSNAPSH".utf8)
  private static let usersPerSection = 4096
  private static let itemsPerSection = 16_384

  enum Section: UInt32, CaseIterable {
    case configuration = 1
    case offsets, items, trend, model, users, end, transitions

    /// Large ones come in several pieces.
    var isRepeatable: Bool { self == .users || self == .transitions }
  }

  /// Where the bytes of a snapshot go, piece by piece.
  public typealias Sink = (UnsafeRawBufferPointer) throws -> Void

  // MARK: Writing

  public static func write(_ snapshot: Snapshot, to sink: Sink) throws {
    try header(version).withUnsafeBytes(sink)
    try section(.configuration, sink) { writeConfiguration(snapshot, &$0) }
    try section(.offsets, sink) { writeOffsets(snapshot.offsets, &$0) }
    try section(.items, sink) { writeItems(snapshot.store, &$0) }
    try section(.trend, sink) { writeTrend(snapshot, &$0) }
    try section(.model, sink) { writeModel(snapshot, &$0) }
    for first in stride(from: 0, to: snapshot.transitions.capacity, by: itemsPerSection) {
      try section(.transitions, sink) { writeTransitions(first, snapshot, &$0) }
    }
    for part in usersByPartition(snapshot.store) {
      var start = 0
      while start < part.users.count {
        let users = part.users[start..<min(start + usersPerSection, part.users.count)]
        try section(.users, sink) { writeUsers(users, part.partition, snapshot, &$0) }
        start += usersPerSection
      }
    }
    try section(.end, sink) { _ in }
  }

  /// A flipped bit in the version must not look like a file of another program version: the header has its own checksum.
  static func header(_ version: UInt32) -> [UInt8] {
    var writer = ByteWriter()
    for byte in magic { writer.write(byte) }
    writer.write(version)
    writer.write(writer.bytes.withUnsafeBytes { freshet_crc32c(0, $0.baseAddress, $0.count) })
    return writer.bytes
  }

  private static func section(_ kind: Section, _ sink: Sink, _ body: (inout ByteWriter) -> Void) throws {
    var payload = ByteWriter()
    body(&payload)
    var header = ByteWriter()
    header.write(kind.rawValue)
    header.write(count: payload.bytes.count)
    // The checksum covers the header too: a flipped kind or length is found.
    var sum = header.bytes.withUnsafeBytes { freshet_crc32c(0, $0.baseAddress, $0.count) }
    sum = payload.bytes.withUnsafeBytes { freshet_crc32c(sum, $0.baseAddress, $0.count) }
    header.write(sum)
    try header.bytes.withUnsafeBytes(sink)
    try payload.bytes.withUnsafeBytes { if !$0.isEmpty { try sink($0) } }
  }

  private static func writeConfiguration(_ snapshot: Snapshot, _ writer: inout ByteWriter) {
    writer.write(snapshot.sequence)
    writer.write(snapshot.epoch)
    writer.write(snapshot.rolledOutEpoch)
    writer.write(snapshot.eventsApplied)
    writer.write(count: snapshot.eventsSinceFreeze)
    writer.write(count: snapshot.topics.count)
    for topic in snapshot.topics { writer.write(name: Array(topic.utf8)) }
    writer.write(count: snapshot.store.evictedFromHistory)
    writer.write(count: snapshot.store.evictedFromSeen)
    writer.write(snapshot.store.newestTimeMilliseconds)
    writer.write(count: snapshot.store.userCapacity)
    writer.write(count: snapshot.unconfirmedForgets.count)
    for id in snapshot.unconfirmedForgets { writer.write(name: id.bytes) }
  }

  private static func writeOffsets(_ offsets: PartitionOffsets, _ writer: inout ByteWriter) {
    writer.write(count: offsets.next.count)
    for (partition, offset) in offsets.next.sorted(by: { $0.key < $1.key }) {
      writer.write(name: Array(partition.topic.utf8))
      writer.write(partition.partition)
      writer.write(offset)
    }
  }

  private static func writeItems(_ store: InteractionStore, _ writer: inout ByteWriter) {
    writer.write(count: store.items.capacity)
    for item in 0..<Int32(store.items.capacity) { writer.write(name: store.items.name(item)) }
  }

  private static func writeTrend(_ snapshot: Snapshot, _ writer: inout ByteWriter) {
    writer.write(snapshot.trend.halfLife ?? 0)
    writer.write(snapshot.trend.growth)
    writer.write(snapshot.trend.total)
    writer.write(snapshot.trend.sumOfSquares)
    writer.write(count: snapshot.trend.accumulators.count)
    writer.write(floats: snapshot.trend.accumulators)
  }

  private static func writeTransitions(_ first: Int, _ snapshot: Snapshot, _ writer: inout ByteWriter) {
    let items = min(first + itemsPerSection, snapshot.transitions.capacity) - first
    writer.write(count: snapshot.transitions.successorsMax)
    writer.write(count: first)
    writer.write(count: items)
    for item in first..<(first + items) {
      let row = snapshot.transitions.row(Int32(item))
      writer.write(row.total)
      writer.write(UInt32(row.successors.count))
      for successor in row.successors {
        writer.write(successor.item)
        writer.write(successor.count)
      }
    }
  }

  private static func writeModel(_ snapshot: Snapshot, _ writer: inout ByteWriter) {
    writer.write(count: snapshot.newItemUsers.count)
    for (item, users) in snapshot.newItemUsers.sorted(by: { $0.key < $1.key }) {
      writer.write(item)
      writer.write(count: users.count)
      for user in users { writer.write(user) }
    }
    guard let model = snapshot.model else {
      writer.write(UInt32(0))
      return
    }
    writer.write(UInt32(model.factors))
    writer.write(model.epoch)
    writer.write(count: model.trainedPairs)
    writer.write(model.trainedAtMilliseconds)
    writer.write(count: model.servedUsers)
    writer.write(floats: model.meanUser)
    writer.write(floats: model.gramian.packed)
    writer.write(floats: model.userGramian.packed)
    writer.write(count: model.itemFactors.rows)
    for item in 0..<model.itemFactors.rows {
      writer.write(model.origins[item].rawValue)
      writer.write(floats: model.itemFactors[item])
    }
  }

  private static func usersByPartition(_ store: InteractionStore) -> [(partition: UInt16, users: [Int32])] {
    var users: [UInt16: [Int32]] = [:]
    for user in 0..<Int32(store.userCapacity) where store.users.withName(user, { !$0.isEmpty }) {
      users[store.partition(ofUser: user), default: []].append(user)
    }
    return users.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private static func writeUsers(_ users: ArraySlice<Int32>, _ partition: UInt16, _ snapshot: Snapshot, _ writer: inout ByteWriter) {
    writer.write(partition)
    writer.write(count: users.count)
    for user in users {
      let chunk = snapshot.store.chunks[Int(user) / UserChunk.users]
      let local = Int32(Int(user) % UserChunk.users)
      writer.write(user)
      writer.write(name: snapshot.store.users.name(user))
      let history = chunk.histories[Int(local)]
      writer.write(count: history.count)
      for pair in history {
        writer.write(pair.item)
        writer.write(pair.strength)
        writer.write(pair.rawWord)
        if pair.state == .addedAfterBarrier {
          writer.write(chunk.barriers[UserChunk.BarrierKey(user: local, item: pair.item)]?.word ?? 0)
        }
      }
      let evicted = chunk.evicted[local] ?? []
      writer.write(count: evicted.count)
      for item in evicted { writer.write(item) }
      let state = snapshot.served.state(user)
      writer.write(state.rawValue)
      if let vector = snapshot.served.vector(user) { writer.write(floats: vector) }
    }
  }

  // MARK: Reading

  /// - Parameter path: for error messages.
  public static func read(_ bytes: UnsafeRawBufferPointer, path: String, configuration: RecommenderConfiguration) throws -> Snapshot {
    var reader = ByteReader(bytes, path: path)
    guard bytes.count >= magic.count else { throw SnapshotError(.truncated(atByte: bytes.count), path: path) }
    guard try Array(reader.readBytes(magic.count)) == magic else { throw SnapshotError(.notASnapshot, path: path) }
    let version: UInt32 = try reader.read()
    let headerBytes = reader.position
    let headerSum: UInt32 = try reader.read()
    guard headerSum == freshet_crc32c(0, bytes.baseAddress, headerBytes) else {
      throw SnapshotError(.checksumMismatch(section: "header"), path: path)
    }
    guard version == Self.version else {
      throw SnapshotError(.unknownVersion(got: version, known: Self.version), path: path)
    }
    var assembly = Assembly(path: path, settings: EngineSettings(configuration))
    while true {
      let (kind, payload) = try readSection(&reader, path)
      if kind == .end { break }
      var content = ByteReader(payload, path: path)
      try assembly.add(kind, &content)
      guard content.remaining == 0 else { throw SnapshotError(.malformed("\(kind) has bytes left over"), path: path) }
    }
    guard reader.remaining == 0 else { throw SnapshotError(.malformed("bytes after the end"), path: path) }
    return try assembly.finished()
  }

  private static func readSection(_ reader: inout ByteReader, _ path: String) throws -> (Section, UnsafeRawBufferPointer) {
    let rawKind: UInt32 = try reader.read()
    let length: UInt64 = try reader.read()
    let sum: UInt32 = try reader.read()
    guard length <= UInt64(reader.remaining) else {
      throw SnapshotError(.truncated(atByte: reader.position + reader.remaining), path: path)
    }
    let payload = try reader.readBytes(Int(length))
    var header = ByteWriter()
    header.write(rawKind)
    header.write(length)
    var computed = header.bytes.withUnsafeBytes { freshet_crc32c(0, $0.baseAddress, $0.count) }
    computed = freshet_crc32c(computed, payload.baseAddress, payload.count)
    let kind = Section(rawValue: rawKind)
    guard computed == sum else {
      throw SnapshotError(.checksumMismatch(section: kind.map { "\($0)" } ?? "\(rawKind)"), path: path)
    }
    guard let kind else { throw SnapshotError(.malformed("unknown section \(rawKind)"), path: path) }
    return (kind, payload)
  }

  /// Collects the sections; users may come in any order and are put in that of their indices at the end.
  private struct Assembly {
    let path: String
    let settings: EngineSettings
    var seen: Set<Section> = []
    var sequence: UInt64 = 0
    var epoch: UInt32 = 0
    var rolledOutEpoch: UInt32 = 0
    var eventsApplied: UInt64 = 0
    var eventsSinceFreeze = 0
    var topics: [String] = []
    var unconfirmedForgets: [Identifier] = []
    var offsets = PartitionOffsets()
    var store: InteractionStore
    var evicted = (history: 0, seen: 0)
    var newestTimeMilliseconds: Int64 = 0
    var trend: TrendCounter
    var transitions: TransitionCounts
    var newItemUsers: [Int32: [Int32]] = [:]
    var model: InstalledModel?
    var factors = 0
    var users: [User?] = []

    struct User {
      var name: [UInt8]
      var partition: UInt16
      var history: [Pair]
      var barriers: [(item: Int32, order: InteractionOrder)]
      var evicted: [Int32]
      var state: ServedFactors.State
      var vector: [Float]
    }

    init(path: String, settings: EngineSettings) {
      self.path = path
      self.settings = settings
      store = InteractionStore(limits: settings.limits)
      trend = TrendCounter(halfLife: settings.trendHalfLife)
      transitions = TransitionCounts(successorsMax: settings.transitions?.successors ?? 1)
    }

    func malformed(_ why: String) -> SnapshotError { SnapshotError(.malformed(why), path: path) }

    mutating func add(_ section: Section, _ reader: inout ByteReader) throws {
      guard seen.insert(section).inserted || section.isRepeatable else { throw malformed("section \(section) twice") }
      switch section {
      case .configuration: try readConfiguration(&reader)
      case .offsets: try readOffsets(&reader)
      case .items: try readItems(&reader)
      case .trend: try readTrend(&reader)
      case .model: try readModel(&reader)
      case .transitions: try readTransitions(&reader)
      case .users: try readUsers(&reader)
      case .end: break
      }
    }

    mutating func readConfiguration(_ reader: inout ByteReader) throws {
      sequence = try reader.read()
      epoch = try reader.read()
      rolledOutEpoch = try reader.read()
      eventsApplied = try reader.read()
      eventsSinceFreeze = Int(truncatingIfNeeded: try reader.read(UInt64.self))
      for _ in 0..<(try reader.readCount(each: 2)) { topics.append(String(decoding: try reader.readName(), as: UTF8.self)) }
      guard topics == settings.topics else {
        throw SnapshotError(.otherTopics(snapshot: topics, configured: settings.topics), path: path)
      }
      evicted.history = Int(truncatingIfNeeded: try reader.read(UInt64.self))
      evicted.seen = Int(truncatingIfNeeded: try reader.read(UInt64.self))
      newestTimeMilliseconds = try reader.read()
      let capacity: UInt64 = try reader.read()
      guard capacity <= UInt64(Int32.max) else { throw malformed("\(capacity) users") }
      users = [User?](repeating: nil, count: Int(capacity))
      for _ in 0..<(try reader.readCount(each: 2)) { unconfirmedForgets.append(Identifier(try reader.readName())) }
    }

    mutating func readOffsets(_ reader: inout ByteReader) throws {
      for _ in 0..<(try reader.readCount(each: 14)) {
        let topic = String(decoding: try reader.readName(), as: UTF8.self)
        let partition: Int32 = try reader.read()
        offsets[TopicPartition(topic: topic, partition: partition)] = try reader.read()
      }
    }

    mutating func readItems(_ reader: inout ByteReader) throws {
      for _ in 0..<(try reader.readCount(each: 2)) { store.restoreItem(try reader.readName()) }
    }

    mutating func readTrend(_ reader: inout ByteReader) throws {
      let halfLife = try reader.readDouble()
      let growth = try reader.readDouble()
      let sums = (try reader.readDouble(), try reader.readDouble())
      let accumulators = try reader.readFloats(try reader.readCount(each: 4))
      guard halfLife >= 0, growth >= 1, growth.isFinite else { throw malformed("trend with growth \(growth)") }
      guard accumulators.allSatisfy({ $0 >= 0 && $0.isFinite }), sums.0 >= 0, sums.0.isFinite, sums.1 >= 0, sums.1.isFinite else {
        throw malformed("trend")
      }
      trend = TrendCounter(halfLife: halfLife == 0 ? nil : halfLife, accumulators: accumulators, growth: growth, sums: sums)
    }

    mutating func readTransitions(_ reader: inout ByteReader) throws {
      let successorsMax: UInt64 = try reader.read()
      let first: UInt64 = try reader.read()
      let rows = try reader.readCount(each: 8)
      guard first <= UInt64(store.items.capacity), rows <= store.items.capacity + TransitionCounts.itemsPerChunk else {
        throw malformed("transitions of item \(first)")
      }
      for item in Int(first)..<(Int(first) + rows) {
        var row = TransitionCounts.Row(total: try reader.readFloat())
        let count: UInt32 = try reader.read()
        guard UInt64(count) <= successorsMax else { throw malformed("\(count) successors of item \(item)") }
        for _ in 0..<count { row.successors.append(.init(item: try reader.read(), count: try reader.readFloat())) }
        let isSound =
          row.total.isFinite && row.total >= 0 && row.successors.allSatisfy { $0.count >= 0 && $0.count.isFinite && isItem($0.item) }
        guard isSound, Set(row.successors.map(\.item)).count == row.successors.count else { throw malformed("transitions of item \(item)") }
        guard row.total > 0 else { continue }
        guard item < store.items.capacity else { throw malformed("transitions of item \(item)") }
        transitions.restore(Int32(item), row)
      }
    }

    mutating func readModel(_ reader: inout ByteReader) throws {
      for _ in 0..<(try reader.readCount(each: 12)) {
        let item: Int32 = try reader.read()
        var users: [Int32] = []
        for _ in 0..<(try reader.readCount(each: 4)) { users.append(try reader.read()) }
        newItemUsers[item] = users
      }
      factors = Int(try reader.read(UInt32.self))
      guard factors > 0 else { return }
      guard factors <= 65_536 else { throw malformed("\(factors) factors") }
      let epoch: UInt32 = try reader.read()
      let trainedPairs = Int(truncatingIfNeeded: try reader.read(UInt64.self))
      let trainedAt: Int64 = try reader.read()
      let servedUsers = Int(truncatingIfNeeded: try reader.read(UInt64.self))
      let meanUser = try reader.readFloats(factors)
      let triangle = factors * (factors + 1) / 2
      guard let gramian = Gramian(factors: factors, packed: try reader.readFloats(triangle)),
        let userGramian = Gramian(factors: factors, packed: try reader.readFloats(triangle))
      else { throw malformed("Gramian") }
      let rows = try reader.readCount(each: 1 + factors * 4)
      var matrix = FactorMatrix(rows: rows, factors: factors)
      var origins: [InstalledModel.Origin] = []
      for item in 0..<rows {
        guard let origin = InstalledModel.Origin(rawValue: try reader.read()) else { throw malformed("origin of item \(item)") }
        origins.append(origin)
        matrix.setRow(item, to: try reader.readFloats(factors))
      }
      guard matrix.isFinite else { throw malformed("item factors that are not finite") }
      model = InstalledModel(
        epoch: epoch, itemFactors: matrix, origins: origins, gramian: gramian, userGramian: userGramian, servedUsers: servedUsers,
        meanUser: meanUser, trainedPairs: trainedPairs, trainedAtMilliseconds: trainedAt)
    }

    func isItem(_ item: Int32) -> Bool { item >= 0 && Int(item) < store.items.capacity }

    mutating func readUsers(_ reader: inout ByteReader) throws {
      let partition: UInt16 = try reader.read()
      for _ in 0..<(try reader.readCount(each: 23)) {
        let index: Int32 = try reader.read()
        guard index >= 0, Int(index) < users.count, users[Int(index)] == nil else { throw malformed("user \(index)") }
        var user = User(
          name: try reader.readName(), partition: partition, history: [], barriers: [], evicted: [], state: .none, vector: [])
        for _ in 0..<(try reader.readCount(each: 16)) {
          let item: Int32 = try reader.read()
          let strength = try reader.readFloat()
          let word: Int64 = try reader.read()
          guard isItem(item), strength.isFinite, word >= 0 else { throw malformed("a pair") }
          let pair = Pair(item: item, strength: strength, word: word)
          if pair.state == .addedAfterBarrier {
            user.barriers.append((item, InteractionOrder(word: try reader.read())))
          }
          user.history.append(pair)
        }
        for _ in 0..<(try reader.readCount(each: 4)) { user.evicted.append(try reader.read()) }
        guard user.evicted.allSatisfy(isItem) else { throw malformed("a seen item") }
        guard let state = ServedFactors.State(rawValue: try reader.read()), state == .none || factors > 0 else {
          throw malformed("state of a user")
        }
        user.state = state
        if state != .none { user.vector = try reader.readFloats(factors) }
        users[Int(index)] = user
      }
    }

    /// What sections say about each other.
    private func checkReferences() throws {
      for (item, users) in newItemUsers {
        guard isItem(item), users.allSatisfy({ $0 >= 0 && Int($0) < self.users.count }) else { throw malformed("users of a new item") }
      }
      if let model, model.itemFactors.rows > store.items.capacity { throw malformed("factors of items that are not there") }
    }

    func finished() throws -> Snapshot {
      guard seen.isSuperset(of: [.configuration, .offsets, .items, .trend, .model]) else { throw malformed("a section is missing") }
      try checkReferences()
      var store = self.store
      var served = ServedFactors(factors: model?.factors ?? settings.parameters.factors)
      for (index, user) in users.enumerated() {
        guard let user else {
          store.restoreUser([UInt8](), partition: 0, history: [], evicted: [], barriers: [])
          continue
        }
        store.restoreUser(user.name, partition: user.partition, history: user.history, evicted: user.evicted, barriers: user.barriers)
        if user.state != .none { served.set(Int32(index), to: user.vector, state: user.state) }
      }
      store.restoreCounts(evictedFromHistory: evicted.history, evictedFromSeen: evicted.seen)
      store.newestTimeMilliseconds = newestTimeMilliseconds
      return Snapshot(
        sequence: sequence, offsets: offsets, epoch: epoch, topics: topics, store: store, trend: trend, transitions: transitions,
        model: model, served: served,
        newItemUsers: newItemUsers, eventsApplied: eventsApplied, eventsSinceFreeze: eventsSinceFreeze, rolledOutEpoch: rolledOutEpoch,
        unconfirmedForgets: unconfirmedForgets)
    }
  }
}
