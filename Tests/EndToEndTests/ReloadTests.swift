import Foundation
import HTTPServing
import StreamingRecommender
import Testing

@testable import freshet

extension EndToEnd {
  /// SIGHUP, with real servers.
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct ReloadTests {
    private func write(_ path: String, _ text: String, mode: mode_t = 0o600) throws {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      chmod(path, mode)
    }

    private func file(_ name: String, _ text: String) throws -> String {
      let path = try Bench.write(name, text)
      chmod(path, 0o600)
      return path
    }

    private func line(_ key: String, _ program: () -> String) throws -> String {
      var found = ""
      try eventually("a line with \(key)") {
        found = program().split(separator: "\n").last { $0.contains(key) }.map(String.init) ?? ""
        return !found.isEmpty
      }
      return found
    }

    @Test func serveReadsAgainAndGoesOn() throws {
      let settings = try file("freshet.json", #"{"log": {"level": "info"}, "topn": {"n": 20}}"#)
      let scene = try Scene("hup")
      let engine = try Engine(scene.address + ["--config", settings], ["kafka.group_id=\(scene.name)"])
      try engine.start()
      let program = try #require(engine.program)

      // Nothing has changed. A signal that comes before the engine serves is ignored.
      try eventually("the engine reads again", every: 200) {
        if engine.messages.contains("SIGHUP: read again") { return true }
        program.signal(SIGHUP)
        return false
      }
      #expect(!engine.messages.contains("need a restart"))

      try write(settings, #"{"log": {"level": "debug"}, "topn": {"n": 30}, "model": {"factors": 32}}"#)
      program.signal(SIGHUP)
      let restart = try line("need a restart") { engine.messages }
      #expect(restart.contains("model.factors, topn.n") && !restart.contains("log.level"), "\(restart)")
      #expect(try line("\"changed\":\"log.level\"") { engine.messages }.contains("SIGHUP"))

      // A file that cannot be used changes nothing.
      try write(settings, #"{"log": {"level": "loud"}}"#)
      program.signal(SIGHUP)
      #expect(try line("the configuration cannot be read again") { engine.messages }.contains("loud"))
      for _ in 0..<20 { program.signal(SIGHUP) }
      #expect(try get(engine.admin, "/livez").status == 200 && program.status == nil)
      #expect(try engine.stop() == 0)
    }

    @Test func aGatewayReadsItsCertificateTokensAndLevelAgain() throws {
      let redis = try Redis()
      func certificate(_ name: String) throws -> (certificate: String, key: String) {
        let folder = try Bench.directory("tls-\(name)")
        try shell(
          "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=\(name) "
            + "-keyout \(folder)/key.pem -out \(folder)/cert.pem 2>&1")
        chmod(folder + "/key.pem", 0o600)
        return (folder + "/cert.pem", folder + "/key.pem")
      }
      let first = try certificate("first")
      let second = try certificate("second")
      let reader = try AccessToken.make(name: "reader", role: .read)
      let other = try AccessToken.make(name: "other", role: .read)
      let tokens = try file("tokens", reader.line + "\n")
      let beacon = try file("beacon", "shop-web https://shop.example\n")
      let settings = try file("gateway.json", #"{"log": {"level": "info"}}"#)
      let program = try Program(
        [Place.binary, "gateway", "--config", settings, "--listen", "127.0.0.1:0"]
          + [
            "redis.url=\(redis.url)", "gateway.writes=false", "gateway.token_file=\(tokens)", "gateway.beacon_file=\(beacon)",
            "gateway.tls_certificate_file=\(first.certificate)", "gateway.tls_key_file=\(first.key)", "probes.listen=127.0.0.1:0",
          ].flatMap { ["--set", $0] })
      defer { program.end() }
      let start = try line("gateway listens") { program.standardError }
      let object = try #require(try JSONSerialization.jsonObject(with: Data(start.utf8)) as? [String: Any])
      let address = try #require(object["address"] as? String)
      let probes = try #require(object["probes"] as? String)
      func subject() throws -> String {
        try shell("openssl s_client -connect \(address) </dev/null 2>/dev/null | openssl x509 -noout -subject")
      }
      func status(_ token: String) throws -> String {
        try shell("curl -sk -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer \(token)' https://\(address)/v1/popular")
      }
      #expect(try subject().contains("first") && status(reader.token) == "503" && status(other.token) == "401")
      #expect(try get(probes, "/livez").status == 200 && get(probes, "/metrics").status == 200)

      try FileManager.default.removeItem(atPath: first.certificate)
      try FileManager.default.copyItem(atPath: second.certificate, toPath: first.certificate)
      // A certificate that does not belong to the key is refused, and the one before stays.
      program.signal(SIGHUP)
      _ = try line("gateway.tls_certificate_file cannot be read again") { program.standardError }
      #expect(try subject().contains("first"))
      try FileManager.default.removeItem(atPath: first.key)
      try FileManager.default.copyItem(atPath: second.key, toPath: first.key)
      chmod(first.key, 0o600)
      try write(tokens, other.line + "\n")
      // The engine's keys stand in the same file and do not matter here.
      try write(settings, #"{"log": {"level": "debug"}, "model": {"factors": 32}, "gateway": {"threads": 5}}"#)
      program.signal(SIGHUP)
      try eventually("the new certificate") { try subject().contains("second") }
      #expect(try status(reader.token) == "401" && status(other.token) == "503")
      let restart = try line("need a restart") { program.standardError }
      #expect(restart.contains("restart: gateway.threads\""), "\(restart)")
      #expect(try line("\"changed\":\"log.level\"") { program.standardError }.contains("gateway.token_file, gateway.beacon_file"))
      program.signal(SIGTERM)
      #expect(try program.wait(within: 20) == 0)
    }

    @Test func changesAreWhatIsDifferent() {
      let old = RecommenderConfiguration()
      var new = old
      #expect(ConfigurationChanges(from: old, to: new).needRestart.isEmpty)
      new.model.factors += 1
      new.log.level = .error
      new.kafka.bootstrapServers = "other:9092"
      let changes = ConfigurationChanges(from: old, to: new)
      #expect(changes.applied == ["log.level"] && changes.needRestart == ["kafka.bootstrap_servers", "model.factors"])
      #expect(ConfigurationChanges(from: old, to: new) { $0.hasPrefix("model.") }.needRestart == ["model.factors"])
    }
  }
}
