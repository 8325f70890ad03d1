import Testing

@testable import StreamingRecommender

@Suite struct SchemaConfigurationTests {
  private func problems(_ flags: [(String, String)]) -> String {
    do {
      _ = try ConfigurationLoader.load(flags: flags.map { ($0.0, $0.1) }, searchPaths: [])
      return ""
    } catch { return "\(error)" }
  }

  @Test func severalRegistriesAreTaken() throws {
    let loaded = try ConfigurationLoader.load(
      flags: [("schema_registry.url", "http://a:8081,https://b/path"), ("input.format", "avro")], searchPaths: [])
    #expect(loaded.configuration.schemaRegistry.urls == ["http://a:8081", "https://b/path"])
    #expect(loaded.configuration.input.format == .avro)
  }

  @Test(arguments: [
    ("http://user:hunter2@host", "password_file"), ("ftp://host", "http://host:port"), ("host:8081", "http://host:port"),
    ("http://", "host is missing"), ("http://:8081", "host is missing"), ("http://host/?key=x", "query"),
  ])
  func aURLThatIsNoneIsExplainedWithoutItsSecret(url: String, words: String) {
    let text = problems([("schema_registry.url", url)])
    #expect(text.contains(words) && !text.contains("hunter2"), "\(text)")
  }

  @Test(
    arguments: [
      ([("input.format", "protobuf")], "schema_registry.url"), ([("input.schema_message", "M")], "input.schema_file"),
      ([("schema_registry.username", "u")], "schema_registry.password_file"),
      ([("schema_registry.password_file", "/p")], "schema_registry.username"),
      (
        [("schema_registry.username", "u"), ("schema_registry.password_file", "/p"), ("schema_registry.token_file", "/t")],
        "only one of them"
      ), ([("input.format", "csv")], "planned"),
    ] as [([(String, String)], String)])
  func halfASettingIsRefused(flags: [(String, String)], words: String) { #expect(problems(flags).contains(words), "\(problems(flags))") }
}
