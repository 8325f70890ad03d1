import Foundation
import RedisPublishing
import StreamingRecommender
import Testing

@Suite(.enabled(if: serversAreThere, serverMissing), .serialized) struct MarkerRenewalTests {
  /// After a loss the publisher reads the old marker and renews it with its heartbeat. If the connection ends before it can report
  /// the loss (here because one command of the heartbeat is refused), the next connection must report it.
  @Test func aLossIsReportedAlsoWhenTheFirstConnectionAfterItFails() throws {
    let fixture = try Fixture()
    let control = try fixture.control()
    try control.command(["ACL", "SETUSER", "writer", "on", ">s3cret", "~*", "&*", "+@all"])
    fixture.redis.username = "writer"
    fixture.redis.password = "s3cret"
    let marker = RedisKeys(prefix: fixture.redis.keyPrefix, namespace: fixture.redis.namespace).marker(instance: "test")
    let publisher = try fixture.publisher()
    for ticket in 1...3 { publisher.submit([user("u\(ticket)", offset: 1)], ticket: UInt64(ticket)) }
    #expect(publisher.flush(timeout: .seconds(10)))
    let older = try #require(try control.command(["GET", marker]).text)
    for ticket in 4...6 { publisher.submit([user("u\(ticket)", offset: 1)], ticket: UInt64(ticket)) }
    #expect(publisher.flush(timeout: .seconds(10)))
    _ = publisher.events()

    // A failover to a replica that has only the first three.
    try control.command(["ACL", "SETUSER", "writer", "-exists"])
    try control.command(["CLIENT", "KILL", "USER", "writer"])
    try control.command(["SET", marker, older])
    #expect(eventually { publisher.status.errors["noperm"] != nil })
    try control.command(["ACL", "SETUSER", "writer", "+exists"])
    var surviving: [UInt64?] = []
    #expect(
      eventually {
        for case .connected(_, _, let ticket) in publisher.events() { surviving.append(ticket) }
        return !surviving.isEmpty && publisher.status.isUp
      })
    #expect(surviving.contains(3), "reported: \(surviving)")
  }
}
