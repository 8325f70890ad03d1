import RedisPublishing
import ServingFormats
import StreamingRecommender
import Telemetry

/// Keeps the packs of the wanted epochs in step with Redis and makes matrices of them.
struct EpochLoader {
  /// Bytes of packs that are read with one command.
  private static let bytesAtOnce = 4 << 20

  private let keys: RedisKeys
  private var assemblies: [UInt32: MatrixAssembly] = [:]
  /// Epochs with changes that no matrix has yet.
  private var dirty: Set<UInt32> = []
  private(set) var matrices: [UInt32: ItemMatrix] = [:]
  private(set) var trend: TrendView?
  private var pacing = RefreshPacing()

  init(_ keys: RedisKeys) { self.keys = keys }

  /// Items whose id changed since the last call.
  private var renamed: Set<Int32> = []
  mutating func takeRenamed() -> Set<Int32> {
    defer { renamed = [] }
    return renamed
  }

  // MARK: Reading

  /// Reads the trend if there is a newer one.
  mutating func readTrend(_ redis: RedisConnection) throws {
    // Magic, number of items, time.
    guard let head = try redis.command(["GETRANGE", keys.trend, "0", "15"]).bytes, head.count == 16 else { return }
    let madeAt = head[8..<16].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard trend.map({ UInt64(bitPattern: $0.blob.madeAtMilliseconds) != madeAt }) ?? true else { return }
    guard let bytes = try redis.command(["GET", keys.trend]).bytes else { return }
    trend = TrendView(try decoded(keys.trend) { () throws(ServingFormatError) in try TrendBlob(decoding: bytes) })
  }

  /// Reads what changed of the wanted epochs and forgets the others.
  mutating func readPacks(_ redis: RedisConnection, wanted: [UInt32]) throws {
    for epoch in assemblies.keys where !wanted.contains(epoch) {
      assemblies[epoch] = nil
      matrices[epoch] = nil
    }
    for epoch in wanted { try readPacks(redis, epoch) }
  }

  private mutating func readPacks(_ redis: RedisConnection, _ epoch: UInt32) throws {
    let count = Int(try redis.command(["HLEN", keys.itemPacks(epoch: epoch)]).integer ?? 0)
    // A retired epoch is still of use while rows name it.
    guard count > 0 else { return }
    let versions = try redis.fields((0..<count).map(String.init), of: keys.itemPacks(epoch: epoch))
    if let known = assemblies[epoch], known.versions.count > count {
      // Fewer packs than before: another history of this epoch began.
      assemblies[epoch] = nil
    }
    let due = (0..<count).filter { number in
      guard let version = versions["\(number)"].flatMap({ Int64(String(decoding: $0, as: UTF8.self)) }) else { return false }
      return assemblies[epoch]?.versions[number] != version
    }
    var at = 0
    while at < due.count {
      let slice = due[at..<min(due.count, at + packsAtOnce(epoch))]
      guard case .array(let replies) = try redis.command(["MGET"] + slice.map { keys.itemPack(epoch: epoch, $0) }) else { return }
      for (number, reply) in zip(slice, replies) {
        guard let bytes = reply.bytes else { continue }
        let version = versions["\(number)"].flatMap { Int64(String(decoding: $0, as: UTF8.self)) } ?? 0
        try apply(bytes, epoch, number, version)
      }
      at += slice.count
    }
    invalidate(epoch)
  }

  private func packsAtOnce(_ epoch: UInt32) -> Int {
    guard let factors = assemblies[epoch]?.factors else { return 1 }
    return max(1, Self.bytesAtOnce / (ItemPack.size * (4 * factors + 32)))
  }

  private mutating func apply(_ bytes: [UInt8], _ epoch: UInt32, _ number: Int, _ version: Int64) throws {
    let pack = try decoded(keys.itemPack(epoch: epoch, number)) { () throws(ServingFormatError) in try ItemPack(decoding: bytes) }
    if let known = assemblies[epoch], known.factors != pack.factors { assemblies[epoch] = nil }
    var assembly = assemblies.removeValue(forKey: epoch) ?? MatrixAssembly(epoch: epoch, factors: pack.factors, directory: directory)
    let changed = try assembly.apply(pack, number: number, version: version)
    renamed.formUnion(changed)
    assemblies[epoch] = assembly
    dirty.insert(epoch)
  }

  private mutating func invalidate(_ epoch: UInt32) {
    guard let trend, var assembly = assemblies.removeValue(forKey: epoch) else { return }
    let lost = assembly.invalidate(from: trend.blob.numbersKept, writtenBefore: trend.blob.numbersSinceMilliseconds)
    assemblies[epoch] = assembly
    guard !lost.isEmpty else { return }
    renamed.formUnion(lost)
    dirty.insert(epoch)
  }

  private func decoded<Value>(_ key: String, _ body: () throws(ServingFormatError) -> Value) throws -> Value {
    do throws(ServingFormatError) { return try body() } catch {
      throw GatewayDataError("the value of \(key) cannot be read: \(error)")
    }
  }

  // MARK: Matrices

  /// The ids by number that all epochs share as far as they agree.
  var directory: ItemDirectory { assemblies.values.max { $0.epoch < $1.epoch }?.directory ?? ItemDirectory() }

  /// Makes new generations of what changed; without a trend there are none. Returns whether there is a new one.
  ///
  /// Each is a copy of the matrix. An epoch that has no matrix yet gets it at once; others wait until enough time passed.
  mutating func makeMatrices(packs: Int, upTo current: UInt32?, clock: () -> UInt64 = MonotonicClock.nanoseconds) -> Bool {
    guard let trend else { return false }
    var made = false
    let start = clock()
    for (epoch, assembly) in assemblies {
      guard assembly.isContiguous, epoch < current ?? 0 || assembly.versions.count >= packs else {
        // Rows of this epoch are not answered with an incomplete matrix.
        made = matrices.removeValue(forKey: epoch) != nil || made
        continue
      }
      let isNew = matrices[epoch] == nil
      guard isNew || dirty.contains(epoch) || matrices[epoch]!.trend !== trend else { continue }
      guard isNew || pacing.isDue(nowNanoseconds: start) else { continue }
      assemblies[epoch] = nil
      var changed = assembly
      matrices[epoch] = changed.generation(trend)
      assemblies[epoch] = changed
      dirty.remove(epoch)
      made = true
    }
    if made { pacing.done(from: start, to: clock()) }
    return made
  }
}
