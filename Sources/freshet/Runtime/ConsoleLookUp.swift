import OperatorConsole
import Pipeline
import RedisPublishing
import StreamingRecommender
import Telemetry

/// Puts together what the engine reports of a user or an item and what readers find in Redis.
enum ConsoleLookUp {
  private static let engineWait = Duration.seconds(3)

  private static func wait<Report: Sendable>(for handle: JobHandle<Report>) -> Report? {
    let deadline = MonotonicClock.nanoseconds() + engineWait.nanoseconds
    while handle.result == nil, MonotonicClock.nanoseconds() < deadline { MonotonicClock.sleep(for: .milliseconds(5)) }
    return handle.result
  }

  // MARK: User

  static func user(_ id: Identifier, _ handle: JobHandle<[UserReport]>, _ redis: ConsoleRedis) -> ConsoleUser {
    let report = wait(for: handle)?.first
    var user = ConsoleUser(id: id.string)
    user.isAnswered = report != nil
    if let report { take(report, into: &user) }
    let found = redis.read { reader in
      let answer = try reader.list(user: id)
      let items = (answer?.list.items.map(\.item) ?? []) + (report?.newest.map(\.item) ?? [])
      return (answer, try reader.titles(items))
    }
    switch found {
    case .failure(let error): user.problem = "\(error)"
    case .success((let answer, let titles)):
      user.list = answer.map { list($0.list, titles) }
      user.isFallback = answer?.isFallback ?? false
      for index in user.history.indices { user.history[index].title = titles[Identifier(user.history[index].item)] }
    }
    return user
  }

  private static func take(_ report: UserReport, into user: inout ConsoleUser) {
    user.isKnown = report.isKnown
    user.pairs = report.pairs
    user.hasVector = report.hasVector
    user.partition = Int(report.partition)
    user.mergedInto = report.mergedInto?.string
    switch report.removal {
    case .none: user.removal = .none
    case .pending: user.removal = .pending
    case .confirmed(let at): user.removal = .confirmed(ageSeconds: Double(max(0, WallClock.milliseconds() - at)) / 1000)
    }
    user.history = report.newest.map {
      .init(item: $0.item.string, title: nil, strength: Double($0.strength), atMilliseconds: $0.atMilliseconds)
    }
  }

  // MARK: Item

  static func item(_ id: Identifier, _ handle: JobHandle<ItemReport>, _ redis: ConsoleRedis) -> ConsoleItem {
    let report = wait(for: handle)
    var item = ConsoleItem(id: id.string)
    item.isAnswered = report != nil
    if let report {
      item.isKnown = report.isKnown
      item.title = report.title
      item.isHidden = report.isHidden
      item.users = report.users
      item.trendShare = report.trendShare
      switch report.vector {
      case .none: item.vector = .none
      case .trained: item.vector = .trained
      case .foldedIn: item.vector = .foldedIn
      }
    }
    let found = redis.read { reader in
      let similar = try reader.similar(item: id)
      return (similar, try reader.titles([id] + (similar?.items.map(\.item) ?? [])))
    }
    switch found {
    case .failure(let error): item.problem = "\(error)"
    case .success((let similar, let titles)):
      item.title = titles[id] ?? item.title
      item.similar = similar.map { list($0, titles) }
    }
    return item
  }

  // MARK: Why

  static func why(_ user: Identifier, _ item: Identifier, _ handle: JobHandle<ExplanationReport>, _ redis: ConsoleRedis) -> ConsoleWhy {
    guard let answer = wait(for: handle) else { return ConsoleWhy(user: user.string, item: item.string, answer: .late) }
    guard case .explained(let found, _) = answer else { return ConsoleWhy(user: user.string, item: item.string, answer: .nothing) }
    var why = ConsoleWhy(
      user: user.string, item: item.string,
      answer: .explained(score: Double(found.score), trend: Double(found.trend), isSeen: found.isSeen, isHidden: found.isHidden))
    // Without titles the ids say enough.
    let titles = (try? redis.read { try $0.titles([item] + (found.interactions + found.transitions).map(\.item)) }.get()) ?? [:]
    why.title = titles[item]
    func parts(_ kind: ConsoleWhy.Part.Kind, _ parts: [Explanation.Part]) -> [ConsoleWhy.Part] {
      parts.map { .init(kind, item: $0.item.string, title: titles[$0.item], score: Double($0.score)) }
    }
    why.parts = parts(.history, found.interactions) + parts(.follows, found.transitions)
    return why
  }

  private static func list(_ list: RecommendationList, _ titles: [Identifier: String]) -> ConsoleList {
    ConsoleList(
      source: list.source.rawValue, epoch: Int(list.epoch),
      ageSeconds: Double(max(0, WallClock.milliseconds() - list.madeAtMilliseconds)) / 1000,
      items: list.items.map { .init(id: $0.item.string, title: titles[$0.item], score: Double($0.score)) })
  }
}
