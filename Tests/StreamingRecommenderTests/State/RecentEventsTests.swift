import RecommenderTestKit
import Testing

@testable import StreamingRecommender

@Suite struct RecentEventsTests {
  /// Few different values, many of them in neighbouring places of the table, so that entries are displaced and removed all the time.
  @Test(arguments: [1, 2, 3, 7, 64, 1000], 1...5) func itRemembersExactlyTheNewest(capacity: Int, seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    var window = RecentEvents(capacity: capacity)
    var model: [UInt64] = []
    for step in 0..<4000 {
      let value = random.below(UInt64(capacity * 2)) + (random.chance(0.3) ? 1 << 32 : 0)
      let stored = value == 0 ? 1 : value
      let isNew = window.insert(value)
      #expect(isNew == !model.contains(stored), "seed \(seed), step \(step)")
      if isNew { model = (model + [stored]).suffix(capacity) }
    }
    #expect(window.oldestFirst == model && window.count == model.count)
  }

  @Test func withoutCapacityNothingIsRemembered() {
    var window = RecentEvents(capacity: 0)
    #expect(window.insert(5) && window.insert(5) && window.count == 0)
  }

  @Test func theHashDependsOnEveryByteAndItsPlace() {
    var seen: Set<UInt64> = []
    for length in 0...20 {
      for changed in 0..<max(1, length) {
        var bytes = [UInt8](repeating: 7, count: length)
        if length > 0 { bytes[changed] = 8 }
        var print = Fingerprint()
        print.mix(bytes)
        #expect(seen.insert(print.value).inserted, "\(bytes)")
      }
    }
  }

  @Test func anEventIsToldFromOthers() {
    let add = event("u", "i", time: 5)
    var typed = add
    typed.typeHash = 1
    #expect(add.fingerprint == nil, "without a time of its own")
    var others = [typed]
    for change: (inout Interaction) -> Void in [
      { $0.typeHash = 2 }, { $0.strength = 2 }, { $0.timeMilliseconds = 6 }, { $0.user = [1] }, { $0.item = [1] }, { $0.eventID = [1] },
      { $0.eventID = [2] },
    ] {
      var other = typed
      change(&other)
      others.append(other)
    }
    #expect(Set(others.map(\.fingerprint)).count == others.count)
    var withID = typed
    withID.eventID = [9]
    var retried = withID
    retried.timeMilliseconds = 77
    #expect(withID.fingerprint == retried.fingerprint, "the id decides")
    typed.operation = .set
    #expect(typed.fingerprint == nil, "a set can be repeated without harm")
  }
}
