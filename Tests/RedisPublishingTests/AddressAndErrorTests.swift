import Foundation
import StreamingRecommender
import Testing

@testable import RedisPublishing

@Suite struct RedisAddressTests {
  @Test(arguments: [
    ("redis://localhost", RedisAddress(.tcp(host: "localhost", port: 6379))),
    ("redis://h:7000/2", RedisAddress(.tcp(host: "h", port: 7000), database: 2)),
    ("redis://h/", RedisAddress(.tcp(host: "h", port: 6379))),
    ("REDIS://h?db=3", RedisAddress(.tcp(host: "h", port: 6379), database: 3)),
    ("redis://[::1]:6379", RedisAddress(.tcp(host: "::1", port: 6379))),
    ("redis://[fe80::1]", RedisAddress(.tcp(host: "fe80::1", port: 6379))),
    ("unix:///run/redis.sock", RedisAddress(.unix(path: "/run/redis.sock"))),
    ("unix:///run/redis.sock?db=4", RedisAddress(.unix(path: "/run/redis.sock"), database: 4)),
  ])
  func goodURLIsUnderstood(url: String, address: RedisAddress) throws {
    #expect(try RedisAddress(url) == address)
    #expect(try RedisAddress(address.description) == address)
  }

  @Test(arguments: [
    ("redis://user:s3cret@h:6379", "redis.password_file"), ("redis://:s3cret/x@h", "redis.password_file"),
    ("rediss://h", "stunnel"), ("redis+sentinel://h", "not available in this version"),
    ("redis+cluster://h", "not available in this version"),
    ("localhost:6379", "redis://host:port/db"), ("http://h", "redis://host:port/db"), ("redis://", "redis://host:port/db"),
    ("redis://h:0", "1 to 65535"), ("redis://h:x", "1 to 65535"), ("redis://h/zero", "database number"),
    ("redis://::1:6379", "redis://[::1]:6379"), ("redis://[::1", "redis://[::1]:6379"), ("redis://[::1]6379", "redis://[::1]:6379"),
    ("unix://relative", "absolute path"), ("unix:///s?x=1", "db=N"), ("redis://h/-1", "database number"),
  ])
  func badURLIsRefusedWithTheFix(url: String, fix: String) {
    let error = #expect(throws: RedisError.self) { try RedisAddress(url) }
    #expect(error?.kind == .address)
    #expect(error?.description.contains(fix) == true, "\(error?.description ?? "")")
    #expect(error?.description.contains("s3cret") == false)
  }
}

@Suite struct RedisErrorTests {
  @Test(arguments: [
    ("OOM command not allowed when used memory > 'maxmemory'.", RedisError.Kind.oom, RedisError.Policy.backOff),
    ("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", .misconf, .backOff),
    ("MISCONF Errors writing to the AOF file: No space left on device", .misconf, .backOff),
    ("LOADING Redis is loading the dataset in memory", .loading, .backOff),
    ("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", .busy, .backOff),
    ("ERR max number of clients reached", .busy, .backOff),
    ("TRYAGAIN Multiple keys request during rehashing of slot", .tryagain, .backOff),
    ("CLUSTERDOWN The cluster is down", .clusterdown, .backOff),
    ("READONLY You can't write against a read only replica.", .readonly, .reroute),
    ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", .masterdown, .reroute),
    ("MOVED 4574 127.0.0.1:7101", .moved, .reroute), ("ASK 4574 127.0.0.1:7101", .ask, .reroute),
    ("NOPERM User x has no permissions to run the 'set' command", .noperm, .configuration),
    ("NOAUTH Authentication required.", .noauth, .configuration),
    ("WRONGPASS invalid username-password pair or user is disabled.", .noauth, .configuration),
    ("ERR AUTH <password> called without any password configured for the default user.", .noauth, .configuration),
    ("WRONGTYPE Operation against a key holding the wrong kind of value", .wrongtype, .configuration),
    ("CROSSSLOT Keys in request don't hash to the same slot", .crossslot, .configuration),
    ("ERR unknown command", .other, .configuration),
  ])
  func repliesAreClassified(reply: String, kind: RedisError.Kind, policy: RedisError.Policy) {
    #expect(RedisError(reply: reply).kind == kind)
    #expect(RedisError(reply: reply).policy == policy)
  }

  @Test(arguments: [RedisError.Kind.protocol, .io, .timeout]) func brokenConnectionsAreDropped(kind: RedisError.Kind) {
    #expect(RedisError(kind, "").policy == .dropConnection)
  }

  @Test(arguments: RedisError.Kind.allCases.filter { $0 != .address }) func everyErrorNamesAFix(kind: RedisError.Kind) {
    #expect(RedisError(kind, "what happened").description.count > "what happened: ".count)
  }
}

@Suite struct RedisCredentialsTests {
  private func withFile(mode: Int, _ body: (RecommenderConfiguration.Redis) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "freshet-password-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    _ = FileManager.default.createFile(atPath: path, contents: Data("s3cret\n".utf8), attributes: [.posixPermissions: mode])
    var redis = RecommenderConfiguration.Redis()
    redis.passwordFile = path
    redis.password = "from the environment"
    try body(redis)
  }

  @Test func fileComesBeforeTheEnvironment() throws {
    try withFile(mode: 0o600) { redis in
      let credentials = try RedisCredentials(redis)
      #expect(credentials?.command == ["AUTH", "s3cret"])
    }
  }

  @Test func fileThatOthersCanReadIsRefused() throws {
    try withFile(mode: 0o644) { redis in
      let error = #expect(throws: RedisError.self) { try RedisCredentials(redis) }
      #expect(error?.description.contains("chmod 600") == true)
      #expect(error?.description.contains("s3cret") == false)
    }
  }

  @Test func withoutAPasswordThereIsNoLogin() throws { #expect(try RedisCredentials(RecommenderConfiguration.Redis()) == nil) }
}
