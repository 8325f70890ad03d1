import StreamingRecommender

/// What a publish command means to Redis; the raw value is the label in metrics and in `PublisherStatus.published`.
enum PublishedKind: String, CaseIterable {
  case top, vec
  case itemVec = "item_vec"
  case sim, popular, model, pub, forget, retire
}

/// One publish command as bytes for the socket.
struct EncodedCommand: Equatable {
  var bytes: [UInt8]
  /// Redis answers this often.
  var replies: Int
  var kind: PublishedKind
  /// The part of `bytes` that is the user's vector, which is counted as `vec`.
  var vectorBytes = 0
  /// Names what the command overwrites as a whole. A later command of the same name may take the place of an earlier one.
  var overwrites: String?
  /// Set for the pointer to a model.
  var modelEpoch: UInt32?
}

/// Turns publish commands into the bytes of Redis commands (RESP, argv style: no quoting, so no injection).
public struct RedisCommandEncoder: Sendable {
  public let keys: RedisKeys
  /// Written into the progress hashes.
  public let instance: String
  private let ttlSeconds: Int

  /// The layout of the keys and values; stands in the field `format` of the hash `model`.
  public static let format = "freshet-1"
  static let keysPerUnlink = 128

  public init(keys: RedisKeys, instance: String, ttl: Duration) {
    self.keys = keys
    self.instance = instance
    ttlSeconds = Int(max(1, ttl.components.seconds))
  }

  /// The bytes that `command` puts on the wire.
  public func bytes(for command: PublishCommand) -> [UInt8] { encode(command).bytes }

  func encode(_ command: PublishCommand) -> EncodedCommand {
    switch command {
    case .user(let user): return encodeUser(user)
    case .forget(let user):
      let list = keys.userList(user)
      return one(.forget, overwrites: list, [.text("UNLINK"), .text(list), .text(keys.userFactors(user))])
    case .itemFactors(let epoch, let item, let factors):
      let key = keys.itemFactors(epoch: epoch, item: item)
      return one(.itemVec, overwrites: key, [.text("SET"), .text(key), .bytes(FactorBlob.encode(epoch: epoch, factors: factors))])
    case .retireItemFactors(let epoch, let items): return encodeRetirement(epoch: epoch, items: items)
    case .popular(let list):
      return one(.popular, overwrites: keys.popular, [.text("SET"), .text(keys.popular), .bytes(ListFormat.encode(list))])
    case .similar(let item, let list):
      let key = keys.similar(item)
      return one(.sim, overwrites: key, setExpiring(key, ListFormat.encode(list)))
    case .model(let pointer): return encodeModel(pointer)
    case .progress(let partition, let offset, let epoch, let time):
      return one(
        .pub, overwrites: nil,
        hashSet(
          keys.progress(partition), [("offset", "\(offset)"), ("ts_ms", "\(time)"), ("epoch", "\(epoch)"), ("instance", instance)]))
    }
  }

  private func encodeUser(_ user: UserRecommendations) -> EncodedCommand {
    var writer = RESPWriter()
    let key = keys.userList(user.user)
    if let factors = user.factors {
      writer.append(setExpiring(keys.userFactors(user.user), FactorBlob.encode(epoch: user.list.epoch, factors: factors)))
    }
    let vectorBytes = writer.bytes.count
    writer.append(setExpiring(key, ListFormat.encode(user.list)))
    return EncodedCommand(
      bytes: writer.bytes, replies: writer.commands, kind: .top, vectorBytes: vectorBytes, overwrites: key)
  }

  private func encodeRetirement(epoch: UInt32, items: [String]) -> EncodedCommand {
    var writer = RESPWriter()
    for start in stride(from: 0, to: items.count, by: Self.keysPerUnlink) {
      let slice = items[start..<min(items.count, start + Self.keysPerUnlink)]
      writer.append([.text("UNLINK")] + slice.map { .text(keys.itemFactors(epoch: epoch, item: $0)) })
    }
    return EncodedCommand(bytes: writer.bytes, replies: writer.commands, kind: .retire)
  }

  /// The pointer itself is one HSET, so readers see the old epoch or the new one and nothing between.
  private func encodeModel(_ pointer: ModelPointer) -> EncodedCommand {
    let previous = pointer.previousEpoch.map { String($0) } ?? ""
    var writer = RESPWriter()
    writer.append(
      hashSet(
        keys.model,
        [
          ("epoch", "\(pointer.epoch)"), ("prev_epoch", previous), ("factors", "\(pointer.factors)"), ("users", "\(pointer.users)"),
          ("items", "\(pointer.items)"), ("trained_at", "\(pointer.trainedAtMilliseconds)"), ("format", Self.format),
          ("list_format", "json"), ("metric_dim", "\(pointer.factors)"),
        ]))
    let kept = Set(pointer.keptEpochs).sorted()
    if !kept.isEmpty {
      writer.append([.text("ZADD"), .text(keys.models)] + kept.flatMap { [RESPWriter.Argument.text("\($0)"), .text("\($0)")] })
    }
    for (low, high) in Self.rangesOutside(kept) {
      writer.append([.text("ZREMRANGEBYSCORE"), .text(keys.models), .text(low), .text(high)])
    }
    let notice = "{\"epoch\":\(pointer.epoch),\"prev\":\(previous.isEmpty ? "null" : previous)}"
    writer.append([.text("PUBLISH"), .text(keys.modelChannel), .text(notice)])
    return EncodedCommand(bytes: writer.bytes, replies: writer.commands, kind: .model, modelEpoch: pointer.epoch)
  }

  /// The score ranges that hold no kept epoch. `kept` is ascending.
  static func rangesOutside(_ kept: [UInt32]) -> [(low: String, high: String)] {
    guard let first = kept.first, let last = kept.last else { return [("-inf", "+inf")] }
    let gaps = zip(kept, kept.dropFirst()).filter { $1 - $0 > 1 }.map { ("(\($0)", "(\($1)") }
    return [("-inf", "(\(first)")] + gaps + [("(\(last)", "+inf")]
  }

  private func setExpiring(_ key: String, _ value: [UInt8]) -> [RESPWriter.Argument] {
    [.text("SET"), .text(key), .bytes(value), .text("EX"), .text("\(ttlSeconds)")]
  }

  private func hashSet(_ key: String, _ fields: [(String, String)]) -> [RESPWriter.Argument] {
    [.text("HSET"), .text(key)] + fields.flatMap { [RESPWriter.Argument.text($0.0), .text($0.1)] }
  }

  private func one(_ kind: PublishedKind, overwrites: String?, _ arguments: [RESPWriter.Argument]) -> EncodedCommand {
    var writer = RESPWriter()
    writer.append(arguments)
    return EncodedCommand(bytes: writer.bytes, replies: 1, kind: kind, overwrites: overwrites)
  }
}
