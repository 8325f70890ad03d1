import Factorization
import Foundation
import SnapshotReplication
import StreamingRecommender
import Telemetry

/// The engine that a snapshot holds, and what of it is exported.
struct ExportSource: ExportRows {
  private(set) var engine: RecommenderEngine
  let sequence: UInt64
  private let workers: Int
  /// Ids whose lists or candidates are exported; `nil` for those of all users.
  private var selection: [[UInt8]]?
  private var candidates: CandidateTable
  static let slice = 512

  /// - Parameter place: a directory of snapshots, or a store of copies of them; `nil` takes those of the configuration.
  init(_ configuration: RecommenderConfiguration, at place: String?, _ candidates: CandidateTable.Settings, workers: Int) throws {
    self.workers = workers
    self.candidates = CandidateTable(candidates)
    let found = try Self.newest(configuration, at: place)
    sequence = found.sequence
    engine = found.engine
  }

  private static func newest(
    _ configuration: RecommenderConfiguration, at place: String?
  ) throws -> (sequence: UInt64, engine: RecommenderEngine) {
    guard let storage = try place.map({ try Self.storage($0, configuration) }) ?? Self.configured(configuration) else {
      throw CommandFailure(
        "there is no snapshot in \(configuration.snapshot.directory): --snapshot names another directory or store, and --fresh asks a running "
          + "engine for one")
    }
    defer { storage.end() }
    var configuration = configuration
    var recovered = try RecoveredEngine(from: storage.snapshots, configuration: configuration)
    if let factors = recovered.droppedModelFactors {
      // The model is exported as it is, whatever the configuration wants next.
      configuration.model.factors = factors
      recovered = try RecoveredEngine(from: storage.snapshots, configuration: configuration)
    }
    guard let sequence = recovered.snapshotSequence else {
      let why = recovered.refused.first.map { ": \($0)" } ?? ""
      throw CommandFailure("there is no snapshot in \(storage.address) that can be used\(why)")
    }
    return (sequence, recovered.engine)
  }

  private struct Storage {
    let snapshots: any SnapshotStorage
    let address: String
    /// Where copies were put to be read.
    var temporary: String?

    func end() { if let temporary { try? FileManager.default.removeItem(atPath: temporary) } }
  }

  /// The snapshots of the configuration; those of the store where the directory has none.
  private static func configured(_ configuration: RecommenderConfiguration) throws -> Storage? {
    try directory(configuration.snapshot.directory)
      ?? (configuration.snapshot.store.isEmpty ? nil : storage(configuration.snapshot.store, configuration))
  }

  private static func directory(_ path: String) -> Storage? {
    let directory = SnapshotDirectory(path: path)
    return directory.lastSequence() == 0 ? nil : Storage(snapshots: directory, address: path)
  }

  private static func storage(_ place: String, _ configuration: RecommenderConfiguration) throws -> Storage {
    if !place.hasPrefix("s3://"), let found = directory(place) { return found }
    let stores = ObjectStores(configuration.store)
    let store = stores.open(try stores.address(place))
    let temporary = try DataDirectory.temporary("export")
    return Storage(
      snapshots: ReplicatedSnapshots(SnapshotDirectory(path: temporary), store: store, log: .disabled), address: place, temporary: temporary
    )
  }

  /// Only lists or candidates of these users are exported.
  mutating func select(_ users: [[UInt8]]) { selection = users }

  var usersWithoutCandidates: Int { candidates.usersWithout }

  var report: [(key: String, value: JSONValue)] { [("snapshot", .integer(Int(sequence))), ("epoch", .integer(epoch))] }
  var epoch: Int { Int(engine.model?.epoch ?? 0) }
  private var users: [UserReference] { engine.state.users.references.filter { engine.state.users.isPresent($0) } }

  func count(of kind: ExportKind) -> Int {
    switch kind {
    case .interactions: engine.state.users.pairCount
    case .factors: engine.state.users.count + engine.state.catalogue.items.count
    case .lists: (selection?.count ?? engine.state.users.count) * engine.settings.n
    case .popular: engine.settings.n
    case .similar: engine.state.catalogue.items.count * engine.settings.similarN
    case .candidates: (selection?.count ?? engine.state.users.count) * candidates.settings.count
    }
  }

  mutating func rows(of kind: ExportKind, _ body: ([ExportValue]) throws -> Void) throws {
    switch kind {
    case .interactions: try interactions(body)
    case .factors: try factors(body)
    case .lists: try lists(body)
    case .popular: try popular(body)
    case .similar: try similar(body)
    case .candidates: try candidates.rows(of: &engine, users: selection, workers: workers, body)
    }
  }

  private func name(_ item: Int32) -> ExportValue { .text(engine.state.catalogue.items.name(item)) }

  /// Oldest first, as they are stored: without the decay of `input.half_life`.
  private func interactions(_ body: ([ExportValue]) throws -> Void) throws {
    for user in users {
      let id = ExportValue.text(engine.state.users.name(user))
      for pair in engine.state.users.storedPairs(user) {
        try body([id, name(pair.item), .float(pair.strength), .time(pair.timeMilliseconds)])
      }
    }
  }

  private mutating func factors(_ body: ([ExportValue]) throws -> Void) throws {
    guard let model = engine.model else { throw noModel }
    let epoch = ExportValue.integer(self.epoch)
    for item in 0..<Int32(engine.state.catalogue.items.capacity) where model.hasVector(item) {
      try body([.text("item"), name(item), epoch, .floats(Array(model.itemFactors[Int(item)]))])
    }
    let scratch = EngineScratch(factors: model.factors, workers: workers)
    for slice in slices {
      engine.foldIn(slice, scratch)
      for user in slice {
        guard let vector = engine.state.users.vector(user) else { continue }
        try body([.text("user"), .text(engine.state.users.name(user)), epoch, .floats(vector)])
      }
    }
  }

  private var slices: [[UserReference]] {
    let users = users
    return stride(from: 0, to: users.count, by: Self.slice).map { Array(users[$0..<min($0 + Self.slice, users.count)]) }
  }

  private mutating func lists(_ body: ([ExportValue]) throws -> Void) throws {
    guard let model = engine.model else { throw noModel }
    let scratch = EngineScratch(factors: model.factors, workers: workers)
    func addRows(_ user: [UInt8], _ items: [ScoredItem], _ source: (Int) -> RecommendationSource) throws {
      for (place, entry) in items.enumerated() {
        try body([
          .text(user), .integer(place + 1), name(entry.item), .float(entry.score), .integer(epoch), .text(source(place).rawValue),
        ])
      }
    }
    func add(_ list: FreshList) throws {
      try addRows(engine.state.users.name(list.user), list.items) { $0 >= list.filledFrom ?? .max ? .popular : list.source }
    }
    guard let selection else {
      for slice in slices { for list in engine.refresh(slice, scratch) { try add(list) } }
      return
    }
    let popular = engine.popular(engine.settings.n)
    for start in stride(from: 0, to: selection.count, by: Self.slice) {
      let ids = selection[start..<min(start + Self.slice, selection.count)]
      let known = Set(ids.compactMap { engine.state.users.find($0) })
      let lists = engine.refresh(known.sorted(), scratch).reduce(into: [:]) { $0[$1.user] = $1 }
      for id in ids {
        if let list = engine.state.users.find(id).flatMap({ lists[$0] }) {
          try add(list)
        } else {
          try addRows(id, popular) { _ in .popular }
        }
      }
    }
  }

  private func popular(_ body: ([ExportValue]) throws -> Void) throws {
    for (place, entry) in engine.popular(engine.settings.n).enumerated() {
      try body([.integer(place + 1), name(entry.item), .float(entry.score)])
    }
  }

  private mutating func similar(_ body: ([ExportValue]) throws -> Void) throws {
    guard let similar = engine.takeSimilarItems(), let model = engine.model else { throw noModel }
    let scratch = EngineScratch(factors: model.factors, workers: workers)
    let items = (0..<Int32(engine.state.catalogue.items.capacity)).filter(model.hasVector)
    for start in stride(from: 0, to: items.count, by: Self.slice) {
      let slice = Array(items[start..<min(start + Self.slice, items.count)])
      for (item, list) in zip(slice, similar.lists(of: slice, model, n: engine.settings.similarN, scratch)) {
        for (place, entry) in list.enumerated() {
          try body([name(item), .integer(place + 1), name(entry.item), .float(entry.score), .integer(epoch)])
        }
      }
    }
  }

  private var noModel: CommandFailure {
    CommandFailure("snapshot \(sequence) has no model yet; popular and interactions can be exported without one")
  }
}
