import RedisPublishing
import Testing

@Suite struct ServerMemoryTests {
  @Test func theFieldsAreRead() {
    let info = "# Memory\r\nused_memory:1900000\r\nused_memory_human:1.81M\r\nmaxmemory:4000000\r\nmaxmemory_policy:allkeys-lru\r\n"
    let memory = ServerMemory(info: info)
    #expect(memory?.usedBytes == 1_900_000 && memory?.limitBytes == 4_000_000 && memory?.policy == "allkeys-lru")
    #expect(ServerMemory(info: "# Memory\r\nmaxmemory:1\r\n") == nil && ServerMemory(info: "") == nil)
    #expect(ServerMemory(info: "used_memory:5")?.limitBytes == 0)
  }

  @Test(.disabled(if: !serversAreThere, serverMissing)) func aServerTellsItsLimitAndItsPolicy() throws {
    let fixture = try Fixture(arguments: ["--maxmemory", "50mb", "--maxmemory-policy", "volatile-lfu"])
    let memory = try fixture.reader().serverMemory()
    #expect(memory.usedBytes > 100_000 && memory.limitBytes == 50 << 20 && memory.policy == "volatile-lfu")
  }

  @Test(.disabled(if: !serversAreThere, serverMissing)) func aUserWithoutThePermissionIsRecognised() throws {
    let fixture = try Fixture()
    try fixture.control().command([
      "ACL", "SETUSER", "reader", "on", ">canary-password", "resetkeys", "%R~freshet:*", "-@all", "+get", "+ping",
    ])
    fixture.redis.username = "reader"
    fixture.redis.password = "canary-password"
    let error = #expect(throws: RedisError.self) { try fixture.reader().serverMemory() }
    #expect(error?.kind == .noperm)
  }
}
