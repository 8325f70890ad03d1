import StreamingRecommender

/// What `freshet forget` asks of a running engine.
struct ErasureClient {
  struct State {
    var positions: Erasure.Positions
    var snapshots: ErasureReceipt.Snapshots
    var modelEpoch: Int?
  }

  private typealias Object = [String: Any]
  private let client: AdminClient
  /// Far below what the admin server takes in one request, whatever the ids.
  private static let usersPerRequest = 500

  init(_ client: AdminClient) { self.client = client }

  /// Throws if the engine works with other topics or keys than the caller would look at.
  func check(_ configuration: RecommenderConfiguration) throws {
    let status = try status()
    let topics = status["topics"] as? [String] ?? []
    guard topics == configuration.input.topics else {
      throw CommandFailure(
        "the engine at \(client.address) reads \(topics.joined(separator: ", ")), and this command was told "
          + "\(configuration.input.topics.joined(separator: ", ")): name its topics with --topic, or another engine with --admin")
    }
    let (namespace, own) = (status["namespace"] as? String ?? "", "\(configuration.redis.keyPrefix):\(configuration.redis.namespace)")
    guard namespace == own else {
      throw CommandFailure(
        "the engine at \(client.address) publishes to the namespace \(namespace), and this command was told \(own): use its --namespace")
    }
  }

  private func status() throws -> Object {
    let answer = try client.get("/v1/status")
    guard answer.status == 200 else { throw CommandFailure(answer.text) }
    return answer.object
  }

  func state() throws -> State {
    let status = try status()
    guard let found = status["positions"] as? [Object] else {
      throw CommandFailure("the engine at \(client.address) is of a version that does not tell its positions: upgrade it")
    }
    var positions = Erasure.Positions()
    for position in found {
      guard let topic = position["topic"] as? String, let partition = position["partition"] as? Int else { continue }
      let id = TopicPartition(topic: topic, partition: Int32(clamping: partition))
      positions.next[id] = (position["next"] as? Int).map { Int64($0) }
      positions.snapshot[id] = (position["snapshot"] as? Int).map { Int64($0) }
    }
    let snapshot = status["snapshot"] as? Object ?? [:]
    let snapshots = ErasureReceipt.Snapshots(
      newest: snapshot["file"] as? String, epoch: snapshot["epoch"] as? Int, files: snapshot["files"] as? [String] ?? [],
      store: snapshot["store"] as? String, archive: (status["archive"] as? Object)?["store"] as? String,
      asides: snapshot["set_aside"] as? [String] ?? [],
      intervalSeconds: snapshot["interval_seconds"] as? Double)
    return State(positions: positions, snapshots: snapshots, modelEpoch: status["epoch"] as? Int)
  }

  /// In the order of the users.
  func held(_ users: [String]) throws -> [Erasure.Held] {
    var held: [Erasure.Held] = []
    for start in stride(from: 0, to: users.count, by: Self.usersPerRequest) {
      let slice = Array(users[start..<min(users.count, start + Self.usersPerRequest)])
      let answer = try client.post("/v1/users", json: ["ids": slice])
      guard answer.status == 200, let found = answer.object["users"] as? [Object], found.count == slice.count else {
        throw CommandFailure(answer.object["error"] as? String ?? answer.text)
      }
      held += found.map {
        Erasure.Held(
          isKnown: $0["known"] as? Bool ?? false, pairs: $0["pairs"] as? Int ?? 0, removal: $0["removal"] as? String ?? "none",
          mergedInto: $0["merged_into"] as? String)
      }
    }
    return held
  }

  /// Starts a snapshot, unless one is being written.
  func requestSnapshot() throws {
    let answer = try client.post("/v1/snapshot")
    guard answer.status == 202 || answer.status == 409 else { throw CommandFailure(answer.object["error"] as? String ?? answer.text) }
  }
}
