import Factorization

/// Assembles a snapshot from its sections. All values are validated before use; non-finite floats are rejected.
struct SnapshotReader {
  private let path: String
  private let settings: EngineSettings
  private var seen: Set<SnapshotFraming.Kind> = []
  private var sequence: UInt64 = 0
  private var state: EngineState
  private var epoch: UInt32 = 0
  private var rolledOutEpoch: UInt32 = 0
  private var eventsSinceFreeze = 0
  private var model: InstalledModel?
  private var rolledBackTo: UInt32?
  private var promotion: Promotion?
  private var deadLetters: [DeadLetter] = []
  private var partitions: [Partition] = []

  /// One partition while its users are being read.
  private struct Partition {
    var users: UserPartition
    var announced: Int
    var factors: Int
    var epoch: UInt32
  }

  /// Known sections and their newest supported versions.
  private static let versions: [SnapshotFraming.Kind: UInt16] = [
    .engine: 1, .lifecycle: 1, .offsets: 1, .items: 1, .trend: 1, .model: 1, .transitions: 1, .partition: 1, .users: 2, .forgotten: 1,
    .deadLetters: 1, .recent: 1, .merged: 1, .goneItems: 1, .itemPrior: 1, .retrainPause: 1, .promotion: 1, .trendWindows: 1,
  ]
  /// Sections that may occur several times.
  private static let repeatable: Set<SnapshotFraming.Kind> = [.users, .transitions, .partition, .recent]

  init(path: String, settings: EngineSettings) {
    self.path = path
    self.settings = settings
    state = EngineState(settings)
  }

  private func malformed(_ why: String) -> SnapshotError { SnapshotError(.malformed(why), path: path) }

  mutating func add(_ section: SnapshotFraming.Section) throws {
    let kind = SnapshotFraming.Kind(rawValue: section.kind)
    guard let kind, let known = Self.versions[kind], section.version <= known else {
      // Written by a newer version: skip the section if it is optional.
      if section.isOptional { return }
      throw SnapshotError(.unknownSection(name: SnapshotFraming.name(section.kind), version: section.version), path: path)
    }
    guard seen.insert(kind).inserted || Self.repeatable.contains(kind) else { throw malformed("duplicate section \(kind)") }
    var reader = ByteReader(section.payload, path: path)
    try read(kind, &reader)
    guard reader.remaining == 0 else { throw malformed("section \(kind) has trailing bytes") }
  }

  private mutating func read(_ kind: SnapshotFraming.Kind, _ reader: inout ByteReader) throws {
    switch kind {
    case .engine: try readEngine(&reader)
    case .lifecycle:
      epoch = try readEpoch(&reader)
      rolledOutEpoch = try readEpoch(&reader)
    case .offsets: try readOffsets(&reader)
    case .items: for _ in 0..<(try reader.readCount(each: 2)) { state.catalogue.items.restore(try reader.readName()) }
    case .trend: state.catalogue.trend = try Self.readTrend(&reader, path)
    case .model: try readModel(&reader)
    case .transitions: try Self.readTransitions(&reader, &state.catalogue, path)
    case .partition: try readPartition(&reader)
    case .users: try readUsers(&reader)
    case .forgotten: try readForgotten(&reader)
    case .deadLetters: try readDeadLetters(&reader)
    case .recent: try readRecentEvents(&reader)
    case .merged: try readMergedUsers(&reader)
    case .goneItems:
      for _ in 0..<(try reader.readCount(each: 4)) { state.catalogue.gone.insert(try reader.read()) }
      state.catalogue.hidden = state.catalogue.gone
    case .itemPrior:
      let prior = try readItemPrior(&reader)
      model?.prior = prior
    case .retrainPause: rolledBackTo = try readEpoch(&reader)
    case .trendWindows:
      let windows = try TrendWindows(
        decoding: try reader.readBlob() ?? [], items: state.catalogue.items.capacity, path: path)
      if settings.countsWindows { state.catalogue.windows = windows }
    case .promotion: promotion = try Promotion(reading: &reader)
    case .end, .storedModel, .storedItems: break
    }
  }

  private func readItemPrior(_ reader: inout ByteReader) throws -> ItemPrior {
    let factors: UInt32 = try reader.read()
    let titleWords = try reader.read(UInt8.self) != 0
    var columns: [String: Int32] = [:]
    let count = try reader.readCount(each: 4)
    for column in 0..<count { columns[String(decoding: try reader.readBlob() ?? [], as: UTF8.self)] = Int32(column) }
    guard columns.count == count, let model, Int(factors) == model.factors else {
      throw malformed("an item prior that does not fit the model")
    }
    let weights = try reader.readFiniteFloats((count + 1) * model.factors)
    return ItemPrior(factors: model.factors, titleWords: titleWords, columns: columns, weights: weights)
  }

  private func readEpoch(_ reader: inout ByteReader) throws -> UInt32 {
    let epoch: UInt32 = try reader.read()
    guard epoch <= ModelLifecycle.epochMax else { throw malformed("epoch \(epoch)") }
    return epoch
  }

  private mutating func readEngine(_ reader: inout ByteReader) throws {
    sequence = UInt64(try reader.readCounter())
    state.eventsApplied = UInt64(try reader.readCounter())
    eventsSinceFreeze = try reader.readCounter()
    state.users.newestTimeMilliseconds = try reader.readBounded()
    guard state.users.newestTimeMilliseconds <= InteractionOrder.latestMilliseconds else { throw malformed("newest time is out of range") }
    var topics: [String] = []
    for _ in 0..<(try reader.readCount(each: 2)) { topics.append(String(decoding: try reader.readName(), as: UTF8.self)) }
    state.topics = try Self.topicNumbers(topics, settings, path)
    let count = try reader.readCounter()
    state.hasStrayRecords = try reader.read(UInt8.self) != 0
    guard 1...Int(TopicNumbers.partitionsMax) ~= count else { throw malformed("partition count \(count) is out of range") }
    let newest = state.users.newestTimeMilliseconds
    state.users = UserPartitions(limits: settings.limits, factors: settings.parameters.factors, partitionCount: count)
    state.users.newestTimeMilliseconds = newest
  }

  static func topicNumbers(_ topics: [String], _ settings: EngineSettings, _ path: String) throws -> TopicNumbers {
    var numbers = TopicNumbers(topics)
    guard numbers.add(settings.topics) else {
      throw SnapshotError(.tooManyTopics(snapshot: topics, configured: settings.topics), path: path)
    }
    return numbers
  }

  private mutating func readOffsets(_ reader: inout ByteReader) throws {
    for _ in 0..<(try reader.readCount(each: 31)) {
      let partition = try Self.readPartitionName(&reader)
      let offset = try reader.readBounded()
      let time = try reader.readBounded(least: -1)
      let hasMark: UInt8 = try reader.read()
      let checksum: UInt64 = try reader.read()
      state.offsets[partition] = offset
      guard hasMark == 1 else { continue }
      state.marks[partition] = RecordMark(offset: offset - 1, timestampMilliseconds: time < 0 ? nil : time, checksum: checksum)
    }
  }

  static func readPartitionName(_ reader: inout ByteReader) throws -> TopicPartition {
    TopicPartition(topic: String(decoding: try reader.readName(), as: UTF8.self), partition: try reader.read())
  }

  static func readTrend(_ reader: inout ByteReader, _ path: String) throws -> TrendCounter {
    let numbers = (try reader.readDouble(), try reader.readDouble(), try reader.readDouble(), try reader.readDouble())
    let (halfLife, growth, total, squares) = numbers
    let accumulators = try reader.readFiniteFloats(try reader.readCount(each: 4))
    let isSound =
      halfLife >= 0 && halfLife.isFinite && growth >= 1 && growth.isFinite && total >= 0 && total.isFinite && squares >= 0
      && squares.isFinite
      && accumulators.allSatisfy { $0 >= 0 }
    guard isSound else { throw SnapshotError(.malformed("invalid trend"), path: path) }
    return TrendCounter(halfLife: halfLife == 0 ? nil : halfLife, accumulators: accumulators, growth: growth, sums: (total, squares))
  }

  static func readTransitions(_ reader: inout ByteReader, _ catalogue: inout Catalogue, _ path: String) throws {
    let successorsMax: UInt64 = try reader.read()
    let first: UInt64 = try reader.read()
    let rows = try reader.readCount(each: 8)
    let items = catalogue.items.capacity
    func malformed(_ item: Int) -> SnapshotError { SnapshotError(.malformed("transitions of item \(item)"), path: path) }
    guard first <= UInt64(items) else { throw SnapshotError(.malformed("transitions of item \(first)"), path: path) }
    for item in Int(first)..<(Int(first) + rows) {
      var row = TransitionCounts.Row(total: try reader.readFloat())
      let count: UInt32 = try reader.read()
      guard UInt64(count) <= successorsMax, Int(count) <= reader.remaining / 8 else { throw malformed(item) }
      for _ in 0..<count { row.successors.append(.init(item: try reader.read(), count: try reader.readFloat())) }
      let isSound =
        row.total.isFinite && row.total >= 0
        && row.successors.allSatisfy { $0.count >= 0 && $0.count.isFinite && $0.item >= 0 && Int($0.item) < items }
      guard isSound, Set(row.successors.map(\.item)).count == row.successors.count else { throw malformed(item) }
      guard row.total > 0 else { continue }
      guard item < items else { throw malformed(item) }
      catalogue.transitions.restore(Int32(item), row)
    }
  }

  // MARK: The model

  private mutating func readModel(_ reader: inout ByteReader) throws {
    for _ in 0..<(try reader.readCount(each: 12)) {
      let item: Int32 = try reader.read()
      var users: [UserReference] = []
      for _ in 0..<(try reader.readCount(each: 8)) {
        users.append(UserReference(partition: try reader.read(), index: try reader.read()))
      }
      state.catalogue.newItems.restore(item, users)
    }
    model = try Self.readInstalledModel(&reader, path)
  }

  static func readInstalledModel(_ reader: inout ByteReader, _ path: String) throws -> InstalledModel? {
    func malformed(_ why: String) -> SnapshotError { SnapshotError(.malformed(why), path: path) }
    let factors = Int(try reader.read(UInt32.self))
    guard factors > 0 else { return nil }
    guard factors <= 65_536 else { throw malformed("factor count \(factors) is out of range") }
    let epoch: UInt32 = try reader.read()
    guard epoch <= ModelLifecycle.epochMax else { throw malformed("epoch \(epoch)") }
    let trainedPairs = try reader.readCounter()
    let trainedAt = try reader.readBounded()
    let servedUsers = try reader.readCounter()
    let meanUser = try reader.readFiniteFloats(factors)
    let triangle = factors * (factors + 1) / 2
    guard let gramian = Gramian(factors: factors, packed: try reader.readFiniteFloats(triangle)),
      let userGramian = Gramian(factors: factors, packed: try reader.readFiniteFloats(triangle))
    else { throw malformed("invalid Gramian") }
    let rows = try reader.readCount(each: 1 + factors * 4)
    var matrix = FactorMatrix(rows: rows, factors: factors)
    var origins: [InstalledModel.Origin] = []
    for item in 0..<rows {
      guard let origin = InstalledModel.Origin(rawValue: try reader.read()) else { throw malformed("origin of item \(item)") }
      origins.append(origin)
      matrix.setRow(item, to: try reader.readFiniteFloats(factors))
    }
    return InstalledModel(
      epoch: epoch, itemFactors: matrix, origins: origins, gramian: gramian, userGramian: userGramian, servedUsers: servedUsers,
      meanUser: meanUser, trainedPairs: trainedPairs, trainedAtMilliseconds: trainedAt)
  }

  // MARK: Users

  private mutating func readPartition(_ reader: inout ByteReader) throws {
    let number: Int32 = try reader.read()
    let announced = try reader.readCounter()
    let evicted = (try reader.readCounter(), try reader.readCounter())
    let factors = Int(try reader.read(UInt32.self))
    let epoch = try readEpoch(&reader)
    guard number >= 0, Int(number) < state.users.partitions.count, !partitions.contains(where: { $0.users.number == number }) else {
      throw malformed("partition \(number)")
    }
    guard factors <= 65_536 else { throw malformed("factor count \(factors) is out of range") }
    var users = UserPartition(number: number, factors: factors > 0 ? factors : settings.parameters.factors)
    users.restoreCounts(evictedFromHistory: evicted.0, evictedFromSeen: evicted.1)
    partitions.append(Partition(users: users, announced: announced, factors: factors, epoch: epoch))
  }

  private mutating func readUsers(_ reader: inout ByteReader) throws {
    let number: Int32 = try reader.read()
    guard let at = partitions.firstIndex(where: { $0.users.number == number }) else { throw malformed("users of partition \(number)") }
    for _ in 0..<(try reader.readCount(each: 19)) {
      let id = try reader.readName()
      guard !id.isEmpty, state.users.partition(ofID: id) == number else { throw malformed("a user does not belong in partition \(number)") }
      let history = try Self.readHistory(&reader, items: state.catalogue.items.capacity, path)
      let user = Int32(partitions[at].users.capacity)
      guard partitions[at].users.ids.find(id) == nil else { throw malformed("duplicate user in partition \(number)") }
      partitions[at].users.restore(id, history)
      guard let vectorState = ServedFactors.State(rawValue: try reader.read()), vectorState == .none || partitions[at].factors > 0 else {
        throw malformed("invalid state of a user vector")
      }
      if vectorState != .none {
        partitions[at].users.served.set(user, to: try reader.readFiniteFloats(partitions[at].factors), state: vectorState)
      }
    }
  }

  static func readHistory(_ reader: inout ByteReader, items: Int, _ path: String) throws -> UserHistory {
    func malformed(_ why: String) -> SnapshotError { SnapshotError(.malformed(why), path: path) }
    func isItem(_ item: Int32) -> Bool { item >= 0 && Int(item) < items }
    var pairs: [Pair] = []
    var barriers: [UserHistory.Barrier] = []
    let count = try reader.readCount(each: 16)
    pairs.reserveCapacity(count)
    for _ in 0..<count {
      let pair = Pair(item: try reader.read(), strength: try reader.readFloat(), word: try reader.read())
      guard isItem(pair.item), pair.strength.isFinite, pair.rawWord >= 0 else { throw malformed("invalid pair") }
      if pair.state == .addedAfterBarrier {
        let word: Int64 = try reader.read()
        guard word >= 0, word < 1 << 60 else { throw malformed("invalid barrier") }
        barriers.append(.init(item: pair.item, order: InteractionOrder(word: word)))
      }
      pairs.append(pair)
    }
    var evicted: [Int32] = []
    for _ in 0..<(try reader.readCount(each: 4)) { evicted.append(try reader.read()) }
    guard evicted.allSatisfy(isItem) else { throw malformed("invalid seen item") }
    return UserHistory(pairs: pairs, evicted: evicted, barriers: barriers)
  }

  private mutating func readForgotten(_ reader: inout ByteReader) throws {
    for _ in 0..<(try reader.readCount(each: 10)) {
      let id = Identifier(try reader.readName())
      let confirmedAt = try reader.readBounded(least: -1)
      state.forgotten.insert(id, confirmedAt: confirmedAt < 0 ? nil : confirmedAt)
    }
  }

  private mutating func readRecentEvents(_ reader: inout ByteReader) throws {
    let source = try Self.readPartitionName(&reader)
    var window = RecentEvents(capacity: settings.dedupeWindow)
    for _ in 0..<(try reader.readCount(each: 8)) { _ = window.insert(try reader.read()) }
    if settings.dedupeWindow > 0 { state.recent[source] = window }
  }

  private mutating func readMergedUsers(_ reader: inout ByteReader) throws {
    for _ in 0..<(try reader.readCount(each: 4)) {
      let (id, into) = (try reader.readName(), try reader.readName())
      guard !id.isEmpty, !into.isEmpty, id != into, state.merged.resolve(into) == nil else { throw malformed("invalid merged users") }
      state.merged.insert(Identifier(id), into: Identifier(into))
    }
  }

  private mutating func readDeadLetters(_ reader: inout ByteReader) throws {
    for _ in 0..<(try reader.readCount(each: 30)) {
      let source = try Self.readPartitionName(&reader)
      let offset = try reader.readBounded()
      let time = try reader.readBounded(least: -1)
      let (key, value) = (try reader.readBlob(), try reader.readBlob())
      var headers: [RecordHeader] = []
      for _ in 0..<(try reader.readCount(each: 8)) {
        headers.append(.init(name: String(decoding: try reader.readBlob() ?? [], as: UTF8.self), value: try reader.readBlob() ?? []))
      }
      let record = Record(offset: offset, timestampMilliseconds: time < 0 ? nil : time, key: key, value: value, headers: headers)
      deadLetters.append(
        DeadLetter(
          source: source, record: record, reason: String(decoding: try reader.readBlob() ?? [], as: UTF8.self),
          message: String(decoding: try reader.readBlob() ?? [], as: UTF8.self)))
    }
  }

  // MARK: Final validation

  func finished() throws -> Snapshot {
    guard seen.isSuperset(of: [.engine, .lifecycle, .offsets, .items, .trend, .model, .partition, .forgotten]) else {
      throw malformed("a section is missing")
    }
    guard partitions.count == state.users.partitions.count else { throw malformed("\(partitions.count) partition sections") }
    var state = self.state
    for partition in partitions { state.users.replace(try checked(partition)) }
    try Self.checkReferences(state, model, path)
    guard rolledOutEpoch <= epoch, (model?.epoch ?? 0) <= epoch else { throw malformed("an epoch exceeds the highest epoch \(epoch)") }
    return Snapshot(
      sequence: sequence, state: state, model: model, epoch: epoch, rolledOutEpoch: rolledOutEpoch, eventsSinceFreeze: eventsSinceFreeze,
      rolledBackTo: rolledBackTo, promotion: promotion, deadLetters: deadLetters)
  }

  func finishedPartition() throws -> PartitionSnapshot {
    guard seen.subtracting([.users, .recent]) == [.engine, .offsets, .items, .partition], partitions.count == 1 else {
      throw malformed("the file is not a snapshot of one partition")
    }
    return PartitionSnapshot(
      partition: try checked(partitions[0]), items: state.catalogue.items, offsets: state.offsets, marks: state.marks,
      recent: state.recent, epoch: partitions[0].epoch,
      newestTimeMilliseconds: state.users.newestTimeMilliseconds)
  }

  private func checked(_ partition: Partition) throws -> UserPartition {
    guard partition.users.capacity == partition.announced else {
      throw malformed("\(partition.users.capacity) of \(partition.announced) users in partition \(partition.users.number)")
    }
    if let model, partition.factors != model.factors { throw malformed("user vectors with \(partition.factors) factors") }
    return partition.users
  }

  /// Validates references between sections.
  static func checkReferences(_ state: EngineState, _ model: InstalledModel?, _ path: String) throws {
    func malformed(_ why: String) -> SnapshotError { SnapshotError(.malformed(why), path: path) }
    let partitions = state.users.partitions
    for (item, users) in state.catalogue.newItems.users {
      let areSound = users.allSatisfy {
        $0.partition >= 0 && Int($0.partition) < partitions.count && $0.index >= 0 && Int($0.index) < partitions[Int($0.partition)].capacity
      }
      guard item >= 0, Int(item) < state.catalogue.items.capacity, areSound else { throw malformed("invalid users of a new item") }
    }
    if let model, model.itemFactors.rows > state.catalogue.items.capacity { throw malformed("factors for unknown items") }
    guard state.catalogue.gone.allSatisfy({ 0 <= $0 && Int($0) < state.catalogue.items.capacity }) else {
      throw malformed("an unknown item is gone")
    }
    if state.catalogue.trend.accumulators.count > state.catalogue.items.capacity { throw malformed("trend for unknown items") }
  }
}
