import Dispatch
import Foundation
import OperatorConsole
import Pipeline
import RedisPublishing
import StreamingRecommender
import Synchronization
import Telemetry

/// Watches a running engine for the console: one sample a second, and words when somebody asks for them.
///
/// It reads what the loop publishes anyway, on a queue of its own; the loop does nothing for it.
final class ConsoleMonitor: Sendable {
  private struct State {
    var feed: ConsoleFeed
    var watch: ConsoleWatch
    var askedNanoseconds: UInt64?
  }

  /// Unchecked: the functions of a timer may be called from any thread.
  private struct Timer: @unchecked Sendable { let source: any DispatchSourceTimer }

  private let source: ConsoleSource
  private let redis: ConsoleRedis
  private let queue = DispatchQueue(label: "freshet.console", qos: .utility)
  private let state: Mutex<State>
  private let timer = Mutex<Timer?>(nil)

  /// How often Redis is asked for its memory: while somebody looks, and otherwise.
  private static let redisInterval = (watched: Duration.seconds(5), unwatched: Duration.seconds(60))
  private static let watchedFor = Duration.seconds(15)

  init(_ source: ConsoleSource) {
    self.source = source
    redis = ConsoleRedis(source.configuration.redis)
    let now = WallClock.milliseconds()
    var feed = ConsoleFeed(place: source.place, startSeconds: Int(now / 1000))
    feed.activity.add(.init(atMilliseconds: now, source.startSentence, by: .engine))
    state = Mutex(State(feed: feed, watch: ConsoleWatch()))
  }

  func start() {
    let source = DispatchSource.makeTimerSource(queue: queue)
    source.schedule(deadline: .now() + 1, repeating: 1, leeway: .milliseconds(50))
    source.setEventHandler { [weak self] in self?.tick() }
    source.activate()
    let timer = Timer(source: source)
    self.timer.withLock { $0 = timer }
  }

  func stop() { timer.withLock { $0 }?.source.cancel() }

  private func tick() {
    let now = MonotonicClock.nanoseconds()
    let isWatched = state.withLock { $0.askedNanoseconds.map { now - min(now, $0) < Self.watchedFor.nanoseconds } ?? false }
    redis.refresh(every: isWatched ? Self.redisInterval.watched : Self.redisInterval.unwatched)
    let reading = source.reading(redis: redis.serverMemory, nowNanoseconds: now)
    state.withLock { state in
      let (sample, entries) = state.watch.note(reading)
      state.feed.add(sample)
      for entry in entries { state.feed.activity.add(entry) }
    }
  }

  /// What has changed since the answer with the number `since`.
  func json(since: Int?) -> [UInt8] {
    let now = MonotonicClock.nanoseconds()
    let answer = state.withLock { state in
      state.askedNanoseconds = now
      let (history, activity, watch) = (state.feed.history, state.feed.activity.newest, state.watch)
      state.feed.update { source.facts(history: history, activity: activity, watch: watch, redis: redis.serverMemory) }
      return state.feed.json(since: since)
    }
    return answer.bytes
  }

  func note(_ text: String, by actor: ConsoleActivity.Actor) {
    state.withLock { $0.feed.activity.add(.init(atMilliseconds: WallClock.milliseconds(), text, by: actor)) }
  }

  // MARK: Look-ups

  func user(_ id: Identifier, _ report: JobHandle<[UserReport]>, _ complete: @escaping @Sendable ([UInt8]) -> Void) {
    redis.onQueue { complete(ConsoleLookUp.user(id, report, $0).json.bytes) }
  }

  func why(
    _ user: Identifier, _ item: Identifier, _ explanation: JobHandle<ExplanationReport>, _ complete: @escaping @Sendable ([UInt8]) -> Void
  ) {
    redis.onQueue { complete(ConsoleLookUp.why(user, item, explanation, $0).json.bytes) }
  }

  func item(_ id: Identifier, _ report: JobHandle<ItemReport>, _ complete: @escaping @Sendable ([UInt8]) -> Void) {
    redis.onQueue { complete(ConsoleLookUp.item(id, report, $0).json.bytes) }
  }
}
