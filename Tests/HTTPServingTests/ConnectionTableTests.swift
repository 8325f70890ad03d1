import Synchronization
import Testing

@testable import HTTPServing

@Suite struct ConnectionTableTests {
  private final class Ended: Sendable {
    let sockets = Mutex<[Int32]>([])
    var all: [Int32] { sockets.withLock { $0 } }
  }

  private let ended = Ended()
  private let second: UInt64 = 1_000_000_000

  private func makeTable(limit: Int = 100) -> ConnectionTable {
    let ended = ended
    return ConnectionTable(limit: limit, headSecondsMax: 10, bodySecondsMax: 30) { socket in ended.sockets.withLock { $0.append(socket) } }
  }

  @Test func headAndBodyHaveTheirOwnDeadlinesAndAResponseHasNone() {
    let table = makeTable()
    for socket: Int32 in 1...3 { table.opened(socket, now: 0) }
    table.entered(.receivingBody, 2, now: 5 * second)
    table.entered(.answering, 3, now: 5 * second)
    table.endOverdue(now: 10 * second)
    #expect(ended.all == [])
    table.endOverdue(now: 11 * second)
    #expect(ended.all == [1])
    table.endOverdue(now: 36 * second)
    #expect(ended.all == [1, 2])
    table.endOverdue(now: 1000 * second)
    #expect(ended.all == [1, 2])
  }

  @Test func theNextRequestOfAConnectionHasADeadlineOfItsOwn() {
    let table = makeTable()
    table.opened(1, now: 0)
    table.entered(.answering, 1, now: 9 * second)
    table.entered(.receivingHead, 1, now: 20 * second)
    table.endOverdue(now: 29 * second)
    #expect(ended.all == [])
    table.endOverdue(now: 31 * second)
    #expect(ended.all == [1])
  }

  @Test func aFullTableEndsTheConnectionThatHasBeenReceivingForLongest() {
    let table = makeTable(limit: 3)
    table.opened(1, now: 0)
    table.entered(.answering, 1, now: 0)
    table.opened(2, now: 1)
    table.opened(3, now: 2)
    table.opened(4, now: 3)
    #expect(ended.all == [2])
    table.closed(2)
    table.closed(3)
    table.opened(5, now: 4)
    #expect(ended.all == [2])
  }

  @Test func aDescriptorThatIsUsedAgainStartsAnew() {
    let table = makeTable()
    table.opened(1, now: 0)
    table.closed(1)
    table.opened(1, now: 100 * second)
    table.endOverdue(now: 101 * second)
    #expect(ended.all == [])
  }
}
