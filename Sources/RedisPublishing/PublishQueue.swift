/// What waits for Redis or for its answer, in the order of submission. A value; no clock, no socket.
struct PublishQueue {
  struct Entry {
    var command: EncodedCommand
    /// Set on the last command of a submission.
    var ticket: UInt64?
    var submittedAt: UInt64
    var user: AcknowledgedUser?
  }

  private var entries: [Entry] = []
  private var head = 0
  /// So many entries at the head were on the wire at least once; the server may have carried out any of them.
  private var attempted = 0

  var count: Int { entries.count - head }
  var isEmpty: Bool { count == 0 }
  var oldestSubmittedAt: UInt64? { isEmpty ? nil : entries[head].submittedAt }

  mutating func append(_ entry: Entry) { entries.append(entry) }

  /// The next entries for the wire: as many as give at most `repliesMax` replies, but at least one. They stay in the queue.
  mutating func nextPipeline(repliesMax: Int) -> [Entry] {
    var end = head
    var replies = 0
    while end < entries.count, end == head || replies + entries[end].command.replies <= repliesMax {
      replies += entries[end].command.replies
      end += 1
    }
    attempted = max(attempted, end - head)
    return Array(entries[head..<end])
  }

  mutating func acknowledge(_ count: Int) {
    precondition(count <= self.count, "acknowledged \(count) of \(self.count)")
    head += count
    attempted = max(0, attempted - count)
    // Amortised: what is moved is at most what was removed.
    if head > 1024, head > entries.count / 2 {
      entries.removeFirst(head)
      head = 0
    }
  }

  /// Prepares sending again what may have been carried out already.
  ///
  /// Sent again as it was, an older list would overwrite a newer one that has already arrived, and a reader would see the version
  /// go back. So each attempted command carries the bytes of the last attempted one that overwrites the same thing. Earlier is
  /// right and later is not: a progress command between the two says that the lists before it are there.
  mutating func prepareReplay() {
    var newest: [String: EncodedCommand] = [:]
    for index in (head..<head + attempted).reversed() {
      guard let name = entries[index].command.overwrites else { continue }
      if let later = newest[name] {
        entries[index].command = later
      } else {
        newest[name] = entries[index].command
      }
    }
  }
}
