import Foundation
import Telemetry
import Testing

@testable import ItemMetadata

private func experiment(_ json: String) throws -> Experiment { try Experiment(Array(json.utf8), createdAt: now) }

/// An experiment of two arms with further fields.
private func experiment(_ name: String, _ fields: String = "") throws -> Experiment {
  try experiment(#"{"name":"\#(name)","arms":[{"name":"a","share":50},{"name":"b","share":50}]\#(fields)}"#)
}

@Suite struct ExperimentTests {
  private struct Vector: Decodable {
    struct User: Decodable {
      let user: String
      let bucket: Int
      let arm: Int?
    }
    let salt: String
    let shares: [Double]
    let buckets: [[Int]]
    let users: [User]
  }

  @Test func theArmsOfTheVectorsAreTheSame() throws {
    let vectors = try JSONDecoder().decode([Vector].self, from: Data(example("arms.json")))
    #expect(vectors.count >= 5)
    for vector in vectors {
      let allocation = ArmAllocation(shares: vector.shares)
      #expect(allocation.ranges.map { [$0.lowerBound, $0.upperBound] } == vector.buckets)
      for user in vector.users {
        #expect(UserShare.bucket(of: user.user, salt: vector.salt) == user.bucket)
        #expect(allocation.arm(of: user.user, salt: vector.salt) == user.arm, "\(vector.salt) \(user.user)")
      }
    }
  }

  @Test func sharesAreMetAndALargerLastArmLosesNobody() {
    let users = (0..<20_000).map { "user-\($0)" }
    var before: Set<String> = []
    for share in [5.0, 10, 25, 50, 80] {
      let allocation = ArmAllocation(shares: [100 - share, share])
      let inLast = Set(users.filter { allocation.arm(of: $0, salt: "growing") == 1 })
      #expect(abs(Double(inLast.count) / 20_000 - share / 100) < 0.012, "\(share): \(inLast.count)")
      #expect(before.isSubset(of: inLast))
      before = inLast
    }
  }

  /// Where the shares are less than all, the last arm still has the top, and the rest is in no arm.
  @Test func usersOutsideOfAllSharesTakeNoPart() {
    let allocation = ArmAllocation(shares: [10, 20, 30])
    #expect(allocation.ranges == [0..<1_000, 1_000..<3_000, 7_000..<10_000])
    for shares: [Double] in [[0.01, 99.99], [100.0 / 3, 100.0 / 3, 100.0 / 3], [1.005, 98.995], [0, 100], [100, 0]] {
      let ranges = ArmAllocation(shares: shares).ranges
      #expect(ranges.last?.upperBound == UserShare.buckets, "\(shares)")
      #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }, "\(shares): \(ranges)")
      #expect(ranges.reduce(0) { $0 + $1.count } == UserShare.buckets, "\(shares): \(ranges)")
    }
  }

  /// A share of a rule and an arm with one salt would choose users by the same bucket; a test's salt is its name.
  @Test func experimentsWithDifferentNamesDivideUsersIndependently() {
    let users = (0..<10_000).map { "user-\($0)" }
    let halves = ArmAllocation(shares: [50, 50])
    let both = users.count { halves.arm(of: $0, salt: "first") == 1 && halves.arm(of: $0, salt: "second") == 1 }
    #expect(abs(Double(both) / 10_000 - 0.25) < 0.02)
  }

  @Test func theExampleIsRead() throws {
    let read = try Experiment(example("experiment-full.json"), createdAt: now)
    #expect(read.arms.map(\.name) == ["control", "varied"] && read.arms[1].namespace == "shadow" && read.arms[1].rules == ["summer-hero"])
    #expect(read.arms[1].diversity == 0.3 && read.arms[1].maxPerCategory == 3 && read.placement == "cart")
    #expect(try Experiment(read.json.bytes, createdAt: 0) == read)
    let arms = Set((0..<200).compactMap { read.arm(of: "user-\($0)").map { "\($0.label) \($0.number)" } })
    #expect(arms == ["checkout-2026/control 1", "checkout-2026/varied 2"])
  }

  @Test(
    arguments: [
      ("[]", .notObject, nil), (#"{"arms":[]}"#, .missingField, "name"), (#"{"name":"a b","arms":[]}"#, .badID, "name"),
      (#"{"name":"x"}"#, .missingField, "arms"), (#"{"name":"x","arms":[{"name":"a","share":1}]}"#, .badValue, "arms"),
      (#"{"name":"x","arms":[{"name":"a"},{"name":"b","share":1}]}"#, .missingField, "share"),
      (#"{"name":"x","arms":[{"name":"a","share":1},{"name":"a","share":1}]}"#, .badValue, "arms"),
      (#"{"name":"x","arms":[{"name":"a","share":60},{"name":"b","share":50}]}"#, .badValue, "share"),
      (#"{"name":"x","arms":[{"name":"a","share":-1},{"name":"b","share":50}]}"#, .badValue, "share"),
      (#"{"name":"x","arms":[1,2]}"#, .badValue, "arms"),
      (#"{"name":"x","arms":[{"name":"a","share":1,"namspace":"s"},{"name":"b","share":1}]}"#, .badValue, "namspace"),
      (#"{"name":"x","arms":[{"name":"a","share":1,"namespace":""},{"name":"b","share":1}]}"#, .badValue, "namespace"),
      (#"{"name":"x","arms":[{"name":"a","share":1,"parameters":{"n":3}},{"name":"b","share":1}]}"#, .badValue, "n"),
      (#"{"name":"x","arms":[{"name":"a","share":1,"parameters":{"diversity":2}},{"name":"b","share":1}]}"#, .badValue, "diversity"),
      (#"{"name":"x","arms":[{"name":"a","share":1,"rules":"r"},{"name":"b","share":1}]}"#, .badValue, "rules"),
      (#"{"name":"x","arms":[{"name":"a","share":1,"rules":["a b"]},{"name":"b","share":1}]}"#, .badValue, "rules"),
      (
        #"{"name":"x","arms":[{"name":"a","share":1},{"name":"b","share":1}],"from":"2026-02-01","until":"2026-02-01"}"#, .badValue, "until"
      ),
      (#"{"name":"x","arms":[{"name":"a","share":1},{"name":"b","share":1}],"salt":"y"}"#, .badValue, "salt"),
    ] as [(String, DocumentFault.Reason, String?)])
  func aBadExperimentIsRefusedWithItsField(json: String, reason: DocumentFault.Reason, field: String?) {
    do throws(DocumentFault) {
      _ = try Experiment(Array(json.utf8), createdAt: now)
      Issue.record("\(json) was read")
    } catch { #expect(error.reason == reason && error.field == field, "\(json): \(error)") }
  }

  @Test func atMostOneRunsForAPlacementAtATime() throws {
    func overlap(_ first: String, _ second: String) throws -> Bool {
      do throws(DocumentFault) {
        _ = try ExperimentSet([try! experiment("x", first), try! experiment("y", second)], now: now)
        return false
      } catch {
        #expect(error.message.contains("x and y"))
        return true
      }
    }
    #expect(try overlap("", ""))
    #expect(try overlap(#","placement":"home""#, ""))
    #expect(try overlap(#","placement":"home""#, #","placement":"home""#))
    #expect(try !overlap(#","placement":"home""#, #","placement":"cart""#))
    #expect(try !overlap(#","until":"2026-06-01""#, #","from":"2026-06-01""#))
    #expect(try overlap(#","until":"2026-06-02""#, #","from":"2026-06-01""#))
    #expect(try !overlap(#","enabled":false"#, ""))
    #expect(try !overlap(#","until":"2026-01-01""#, ""))  // over
  }

  @Test func armsAreGivenWithinTimeAndPlacement() throws {
    let until = Timestamp.rfc3339(milliseconds: now + day)
    let set = try ExperimentSet([experiment("x", #","placement":"home","from":"2026-01-31T08:30:00Z","until":"\#(until)""#)], now: now)
    #expect(set.arm(user: "ada", placement: "home", now: now)?.experiment == "x")
    #expect(set.arm(user: "ada", placement: "home", now: now - 1) == nil)
    #expect(set.arm(user: "ada", placement: "home", now: now + day) == nil)
    #expect(set.arm(user: "ada", placement: "cart", now: now) == nil && set.arm(user: "ada", placement: nil, now: now) == nil)
    #expect(set.arm(user: nil, placement: "home", now: now) == nil)
  }

  @Test func namespacesAreBoundedAndEndWithTheirExperiment() throws {
    func reading(_ name: String, _ fields: String = "") throws -> Experiment {
      try experiment(
        #"{"name":"\#(name)","placement":"\#(name)","arms":[{"name":"a","share":50},{"name":"b","share":50,"namespace":"ns-\#(name)"}]\#(fields)}"#
      )
    }
    let many = try (0..<5).map { try reading("x\($0)") }
    #expect(throws: DocumentFault.self) { try ExperimentSet(many, now: now) }
    let set = try ExperimentSet(Array(many.prefix(3)) + [reading("over", #","until":"2026-01-01""#)], now: now)
    #expect(set.namespaces(now: now) == ["ns-x0", "ns-x1", "ns-x2"])
  }
}
