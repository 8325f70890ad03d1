/// What `PublishQueue` needs to know about a command, in whatever form a publisher sends it.
public protocol QueuedCommand: Sendable {
  /// The number of replies that the view gives to it.
  var replies: Int { get }
  var target: PublishTarget? { get }
  /// It must have a pipeline of its own.
  var isExclusive: Bool { get }
}

/// The commands that wait to be sent or to be acknowledged, in the order of submission. A value; no clock, no socket.
public struct PublishQueue<Command: QueuedCommand>: Sendable {
  public struct Entry: Sendable {
    /// `nil`: an empty submission, which only carries its ticket.
    public internal(set) var command: Command?
    /// Set on the last entry of a submission.
    public internal(set) var ticket: UInt64?
    /// Monotonic clock, nanoseconds.
    public internal(set) var submittedAt: UInt64
  }

  private var entries: [Entry] = []
  private var head = 0
  /// The number of entries at the head that were sent at least once; the view may have executed any of them.
  private var attempted = 0

  public init() {}

  public var count: Int { entries.count - head }
  public var isEmpty: Bool { count == 0 }
  public var oldestSubmittedAt: UInt64? { isEmpty ? nil : entries[head].submittedAt }

  public mutating func submit(_ commands: some Sequence<Command>, ticket: UInt64, at now: UInt64) {
    let first = entries.count
    for command in commands { entries.append(Entry(command: command, ticket: nil, submittedAt: now)) }
    if entries.count == first { entries.append(Entry(command: nil, ticket: nil, submittedAt: now)) }
    entries[entries.count - 1].ticket = ticket
  }

  /// The next entries to send: as many as give at most `repliesMax` replies, but at least one. They stay in the queue.
  public mutating func nextPipeline(repliesMax: Int) -> [Entry] {
    var end = head
    var replies = 0
    while end < entries.count {
      let command = entries[end].command
      let isExclusive = command?.isExclusive == true
      if end > head, isExclusive || replies + (command?.replies ?? 0) > repliesMax { break }
      replies += command?.replies ?? 0
      end += 1
      if isExclusive { break }
    }
    attempted = max(attempted, end - head)
    return Array(entries[head..<end])
  }

  /// Removes the oldest `count` entries.
  public mutating func acknowledge(_ count: Int) {
    precondition(count <= self.count, "acknowledged \(count) of \(self.count)")
    head += count
    attempted = max(0, attempted - count)
    // Amortised: the number of entries moved is at most the number removed.
    if head > 1024, head > entries.count / 2 {
      entries.removeFirst(head)
      head = 0
    }
  }

  /// Prepares the queue for sending again commands that may have been executed already.
  ///
  /// If an older list were sent again as it was, it would overwrite a newer one that has already arrived, and a reader would see
  /// the version go back. Each attempted command therefore carries the newest attempted value of its target. The value moves to
  /// the earlier place and not to the later one, because a progress command between the two says that the lists before it are there.
  public mutating func prepareReplay() {
    var newest: [PublishTarget: Command] = [:]
    for index in (head..<head + attempted).reversed() {
      guard let target = entries[index].command?.target else { continue }
      if let later = newest[target] {
        entries[index].command = later
      } else {
        newest[target] = entries[index].command
      }
    }
  }
}

extension Sequence {
  /// The highest ticket that is complete when all these entries are.
  public func lastTicket<Command>() -> UInt64? where Element == PublishQueue<Command>.Entry {
    reduce(nil) { $1.ticket ?? $0 }
  }
}
