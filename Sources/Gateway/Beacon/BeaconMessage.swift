import HTTPServing
import Telemetry

/// What a web page sends: `{"key": "...", "signature": "...", "events": [{...}, ...]}`, whatever its media type says.
struct BeaconMessage {
  static let bytesMax = 16_384
  static let eventsMax = 100
  /// Ids of visitors that need no signature begin so.
  static let anonymousPrefix = "anon-"

  let key: String
  let signature: String?
  /// The events one after the other, and where each is.
  private(set) var bytes: [UInt8] = []
  private(set) var events: [Range<Int>] = []

  init(_ members: [JSONValue.Member]) throws(Problem) {
    let object = JSONValue.object(members)
    let shape = #"send {"key": "...", "events": [{"user_id": "anon-...", "item_id": "...", "event_type": "view"}]}"#
    if let stranger = members.first(where: { !["key", "signature", "events"].contains($0.key) }) {
      throw Problem(.body, "there is no member \"\(stranger.key.prefix(60))\" here", fix: shape)
    }
    guard case .string(let key)? = object["key"] else { throw Problem(.body, "key is missing, or is no text", fix: shape) }
    self.key = key
    switch object["signature"] {
    case .string(let text)?: signature = text
    case nil, .null?: signature = nil
    default: throw Problem(.body, "signature is no text", fix: shape)
    }
    guard case .array(let values)? = object["events"], (1...Self.eventsMax).contains(values.count) else {
      throw Problem(.body, "events must be a list of 1 to \(Self.eventsMax) objects", fix: shape)
    }
    for value in values {
      guard case .object = value else { throw Problem(.body, "events must be a list of objects", fix: shape) }
      let start = bytes.count
      bytes += value.bytes
      events.append(start..<bytes.count)
    }
  }

  /// Throws unless the events are of one user, whom the page may speak for.
  func checkUsers(of batch: EventBatch, secret: [UInt8]?, now: Int64) throws(Problem) {
    guard !batch.joinsUsers else {
      throw Problem(.forbidden, "a page may not merge users", fix: "let the shop's server send that to POST /v1/events")
    }
    let named = batch.users.filter { !$0.starts(with: Self.anonymousPrefix.utf8) }
    guard let user = named.first else { return }
    guard batch.users.count == 1 else {
      throw Problem(.forbidden, "the events are of several users", fix: "send those of each user in a request of its own")
    }
    guard let secret else {
      throw Problem(
        .forbidden, "this gateway takes anonymous ids from pages only",
        fix: "let ids begin with \(Self.anonymousPrefix), or set gateway.beacon_secret_file and sign the user's id")
    }
    guard let signature, BeaconSignature.isValid(signature, user: user, now: now, secret: secret) else {
      throw Problem(
        .forbidden, signature == nil ? "the user's id is not signed" : "the signature is not one of this user and day",
        fix: "let the shop's server write HMAC-SHA-256 of user id, zero byte and day (UTC) into the page")
    }
  }
}
