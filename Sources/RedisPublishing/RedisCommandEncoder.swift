import Pipeline
import ServingFormats
import StreamingRecommender

/// The kind of a publish command; the raw value is the label in metrics and in `PublisherStatus.published`.
enum PublishedKind: String, CaseIterable {
  case top, vec
  case row, trend, trending
  case itemVec = "item_vec"
  case itemPack = "item_pack"
  case itemDocument = "item_doc"
  case items
  case sim, popular, model, pub, forget, retire
}

/// One publish command as bytes for the socket.
struct EncodedCommand: Equatable, QueuedCommand {
  var bytes: [UInt8]
  var replies: Int
  var kind: PublishedKind
  /// The part of `bytes` that is the user's vector, which is counted as `vec`.
  var vectorBytes = 0
  /// The part of `bytes` that is the user's row, which is counted as `row`.
  var rowBytes = 0
  var target: PublishTarget?
  /// Set for the pointer to a model.
  var modelEpoch: UInt32?
  /// Set for the command that begins the item vectors of an epoch.
  var begunEpoch: UInt32?
  /// The key that must say that item vectors are complete; `bytes` is a transaction then.
  var requiredKey: String?
  /// Set for a list whose acknowledgement is reported.
  var user: AcknowledgedUser?

  var isExclusive: Bool { requiredKey != nil }
  var isProgress: Bool { kind == .pub }
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

  /// The bytes to send for `command`.
  public func bytes(for command: PublishCommand) -> [UInt8] { encode(command).bytes }

  func encode(_ command: PublishCommand) -> EncodedCommand {
    var encoded = encodeWithoutTarget(command)
    encoded.target = command.target
    return encoded
  }

  /// The marker expires with the lists that it stands for.
  func encode(_ marker: WriteMarker, onlyIfPresent: Bool = false) -> [UInt8] {
    var writer = RESPWriter()
    let condition: [RESPWriter.Argument] = onlyIfPresent ? ["XX"] : []
    writer.append(setExpiring(keys.marker(instance: instance), Array(marker.text.utf8)) + condition)
    return writer.bytes
  }

  private func encodeWithoutTarget(_ command: PublishCommand) -> EncodedCommand {
    switch command {
    case .user(let user): return encodeUser(user)
    case .forget(let user):
      let names = [keys.userList(user), keys.userFactors(user), keys.userRow(user), keys.userImported(user)]
      return one(.forget, ["UNLINK"] + names.map { .text($0) })
    case .itemsBegin(let epoch):
      var command = one(.items, ["SET", .text(keys.items(epoch: epoch)), .text(RedisKeys.itemsIncomplete)])
      command.begunEpoch = epoch
      return command
    case .itemFactors(let epoch, let item, let factors):
      let key = keys.itemFactors(epoch: epoch, item: item)
      return one(.itemVec, ["SET", .text(key), .bytes(FactorBlob.encode(epoch: epoch, factors: factors))])
    case .itemsComplete(let epoch, let count):
      // Only where `itemsBegin` still stands: if the server was emptied since, vectors are missing.
      return one(.items, ["SET", .text(keys.items(epoch: epoch)), .text("\(count)"), "XX"])
    case .itemPack(let pack, let version): return encodePack(pack, version)
    case .trending(let blob): return one(.trending, ["SET", .text(keys.trending), .bytes(blob.encoded())])
    case .trend(let trend): return one(.trend, ["SET", .text(keys.trend), .bytes(trend.encoded())])
    case .itemDocument(let item, let document, let version): return encodeDocument(item, document, version)
    case .retireItemFactors(let epoch, let items, let packs): return encodeRetirement(epoch: epoch, items: items, packs: packs)
    case .popular(let list):
      return one(.popular, ["SET", .text(keys.popular), .bytes(ListFormat.encode(list))])
    case .similar(let item, let list):
      return one(
        .sim, list.items.isEmpty ? ["UNLINK", .text(keys.similar(item))] : setExpiring(keys.similar(item), ListFormat.encode(list)))
    case .model(let pointer): return encodeModel(pointer)
    case .progress(let partition, let offset, let epoch, let time):
      return one(
        .pub,
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
    if let row = user.row { writer.append(setExpiring(keys.userRow(user.user), row.encoded())) }
    let rowBytes = writer.bytes.count - vectorBytes
    writer.append(
      user.list.items.isEmpty ? ["UNLINK", .text(key)] : setExpiring(key, ListFormat.encode(user.list)))
    return EncodedCommand(bytes: writer.bytes, replies: writer.commands, kind: .top, vectorBytes: vectorBytes, rowBytes: rowBytes)
  }

  /// The version comes last: a reader that sees it reads this pack or a newer one.
  private func encodePack(_ pack: ItemPack, _ version: Int64) -> EncodedCommand {
    let number = Int(pack.first) / ItemPack.size
    var writer = RESPWriter()
    writer.append(["SET", .text(keys.itemPack(epoch: pack.epoch, number)), .bytes(pack.encoded())])
    writer.append(hashSet(keys.itemPacks(epoch: pack.epoch), [("\(number)", "\(version)")]))
    return EncodedCommand(bytes: writer.bytes, replies: writer.commands, kind: .itemPack)
  }

  /// The latest changes that a reader finds without reading all documents.
  public static let changedItemsMax = 10_000

  /// The version comes last: a reader that sees it finds the change.
  private func encodeDocument(_ item: Identifier, _ document: [UInt8]?, _ version: Int64) -> EncodedCommand {
    var writer = RESPWriter()
    if let document {
      writer.append(["HSET", .text(keys.itemDocuments), .bytes(item.bytes), .bytes(document)])
    } else {
      writer.append(["HDEL", .text(keys.itemDocuments), .bytes(item.bytes)])
    }
    writer.append(["ZADD", .text(keys.changedItems), .text("\(version)"), .bytes(item.bytes)])
    writer.append(["ZREMRANGEBYRANK", .text(keys.changedItems), "0", .text("\(-1 - Self.changedItemsMax)")])
    writer.append(["SET", .text(keys.itemVersion), .text("\(version)")])
    return EncodedCommand(bytes: writer.bytes, replies: writer.commands, kind: .itemDocument)
  }

  private func encodeRetirement(epoch: UInt32, items: [Identifier], packs: Range<Int>) -> EncodedCommand {
    var writer = RESPWriter()
    // The proof goes first: it must never outlive a vector.
    let names =
      [keys.items(epoch: epoch)] + (packs.isEmpty ? [] : [keys.itemPacks(epoch: epoch)])
      + packs.map { keys.itemPack(epoch: epoch, $0) } + items.map { keys.itemFactors(epoch: epoch, item: $0) }
    for start in stride(from: 0, to: names.count, by: Self.keysPerUnlink) {
      writer.append(["UNLINK"] + names[start..<min(names.count, start + Self.keysPerUnlink)].map { .text($0) })
    }
    return EncodedCommand(bytes: writer.bytes, replies: writer.commands, kind: .retire)
  }

  /// The pointer itself is one HSET, so readers see the old epoch or the new one and nothing between.
  private func encodeModel(_ pointer: ModelPointer) -> EncodedCommand {
    var writer = RESPWriter()
    if pointer.requiresItems { writer.append(["MULTI"]) }
    appendModel(pointer, to: &writer)
    if pointer.requiresItems { writer.append(["EXEC"]) }
    return EncodedCommand(
      bytes: writer.bytes, replies: writer.commands, kind: .model, modelEpoch: pointer.epoch,
      requiredKey: pointer.requiresItems ? keys.items(epoch: pointer.epoch) : nil)
  }

  private func appendModel(_ pointer: ModelPointer, to writer: inout RESPWriter) {
    let previous = pointer.previousEpoch.map { String($0) } ?? ""
    writer.append(
      hashSet(
        keys.model,
        [
          ("epoch", "\(pointer.epoch)"), ("prev_epoch", previous), ("factors", "\(pointer.factors)"), ("users", "\(pointer.users)"),
          ("items", "\(pointer.items)"), ("trained_at", "\(pointer.trainedAtMilliseconds)"), ("format", Self.format),
          ("list_format", "json"), ("metric_dim", "\(pointer.factors)"),
        ] + (pointer.served?.fields ?? []).map { ($0.name, $0.value) }))
    let kept = Set(pointer.keptEpochs).sorted()
    if !kept.isEmpty {
      writer.append([.text("ZADD"), .text(keys.models)] + kept.flatMap { [RESPWriter.Argument.text("\($0)"), .text("\($0)")] })
    }
    for (low, high) in Self.rangesOutside(kept) {
      writer.append([.text("ZREMRANGEBYSCORE"), .text(keys.models), .text(low), .text(high)])
    }
    let notice = "{\"epoch\":\(pointer.epoch),\"prev\":\(previous.isEmpty ? "null" : previous)}"
    writer.append(["PUBLISH", .text(keys.modelChannel), .text(notice)])
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

  private func one(_ kind: PublishedKind, _ arguments: [RESPWriter.Argument]) -> EncodedCommand {
    var writer = RESPWriter()
    writer.append(arguments)
    return EncodedCommand(bytes: writer.bytes, replies: 1, kind: kind)
  }
}
