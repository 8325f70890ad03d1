import StreamingRecommender

/// The commands that are not sent or not acknowledged yet, in order of submission. A value without clock or socket.
public struct PublishQueue<Command: QueuedCommand>: Sendable {
  public struct Entry: Sendable {
    /// `nil` for an empty submission, which only carries its ticket.
    public internal(set) var command: Command?
    /// Set on the last entry of a submission.
    public internal(set) var ticket: UInt64?
    /// Monotonic clock, nanoseconds.
    public internal(set) var submittedAt: UInt64
  }

  private var entries: [Entry] = []
  private var head = 0
  /// The number of entries at the head that were sent at least once and may have been executed.
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

  /// Returns the next entries to send, with at most `repliesMax` replies but at least one entry. They remain in the queue.
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

  /// Removes progress from the queue; the entries keep their tickets. After a reconnect it may claim what the view has lost.
  public mutating func dropProgress() {
    for index in head..<entries.count where entries[index].command?.isProgress == true { entries[index].command = nil }
  }

  /// Removes the oldest `count` entries.
  public mutating func acknowledge(_ count: Int) {
    precondition(count <= self.count, "acknowledged \(count) of \(self.count)")
    head += count
    attempted = max(0, attempted - count)
    // Amortised O(1): at most as many entries are moved as were removed.
    if head > 1024, head > entries.count / 2 {
      entries.removeFirst(head)
      head = 0
    }
  }

  /// Prepares resending of commands that may already have been executed.
  ///
  /// Resending an older list unchanged would overwrite a newer one that has already been executed, and readers would see the version
  /// decrease. Each attempted command is therefore given the newest attempted value of its target. The value moves to the earlier
  /// position and not to the later one, because a progress command in between asserts that the lists before it have been written.
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
  /// Returns the highest ticket that is complete once all these entries are acknowledged.
  public func lastTicket<Command>() -> UInt64? where Element == PublishQueue<Command>.Entry {
    reduce(nil) { $1.ticket ?? $0 }
  }
}
