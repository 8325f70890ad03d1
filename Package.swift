// swift-tools-version: 6.0
// Targets are cut where a dependency begins; arrows point at what is imported and the compiler keeps them
// (`swift build --explicit-target-dependency-import-check error`).
import PackageDescription

/// With `CORE_ONLY` set, only the numeric core and the streaming state are built: they need a C compiler and nothing else.
let coreOnly = Context.environment["CORE_ONLY"] != nil

func systemLibrary(_ name: String, apt: [String], brew: [String], pkgConfig: String? = nil) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt(apt), .brew(brew)])
}

let core: [Target] = [
  .target(name: "CKernels"),
  .target(name: "Telemetry"),
  .target(name: "Timestamps"),
  .target(name: "ServingFormats"),
  .target(name: "Factorization", dependencies: ["CKernels"]),
  .target(name: "ItemMetadata", dependencies: ["Telemetry", "Timestamps"]),
  .target(
    name: "StreamingRecommender",
    dependencies: ["Factorization", "ItemMetadata", "ServingFormats", "Telemetry", "Timestamps", "CKernels"]),
  .target(name: "Pipeline", dependencies: ["StreamingRecommender", "ServingFormats", "Factorization", "Telemetry"]),
  .target(name: "WireFormats", dependencies: ["StreamingRecommender", "Telemetry"]),
  .target(
    name: "RecommenderTestKit", dependencies: ["Pipeline", "StreamingRecommender", "ServingFormats", "Factorization", "Telemetry"]),
  .testTarget(name: "TelemetryTests", dependencies: ["Telemetry"]),
  .testTarget(name: "TimestampsTests", dependencies: ["Timestamps"]),
  .testTarget(name: "ServingFormatsTests", dependencies: ["ServingFormats"]),
  .testTarget(name: "FactorizationTests", dependencies: ["Factorization", "CKernels", "RecommenderTestKit"]),
  .testTarget(
    name: "StreamingRecommenderTests",
    dependencies: [
      "Pipeline", "StreamingRecommender", "ItemMetadata", "ServingFormats", "Factorization", "Telemetry", "Timestamps",
      "RecommenderTestKit",
    ],
    exclude: ["Fixtures"]),
  .testTarget(
    name: "WireFormatsTests", dependencies: ["WireFormats", "StreamingRecommender", "Telemetry", "RecommenderTestKit"],
    exclude: ["Fixtures"]),
  .testTarget(name: "ItemMetadataTests", dependencies: ["ItemMetadata", "Telemetry"]),
  .testTarget(
    name: "SimulationTests",
    dependencies: ["Pipeline", "StreamingRecommender", "Factorization", "Telemetry", "RecommenderTestKit"]),
]

let full: [Target] = [
  systemLibrary("CRdKafka", apt: ["librdkafka-dev"], brew: ["librdkafka"], pkgConfig: "rdkafka"),
  // No pkgConfig: hiredis' .pc carries a flag that SwiftPM refuses.
  systemLibrary("CHiredis", apt: ["libhiredis-dev"], brew: ["hiredis"]),
  systemLibrary("CMicroHTTPD", apt: ["libmicrohttpd-dev"], brew: ["libmicrohttpd"], pkgConfig: "libmicrohttpd"),
  systemLibrary("CCurl", apt: ["libcurl4-openssl-dev"], brew: ["curl"], pkgConfig: "libcurl"),
  systemLibrary("CZlib", apt: ["zlib1g-dev"], brew: ["zlib"], pkgConfig: "zlib"),
  systemLibrary("CZstd", apt: ["libzstd-dev"], brew: ["zstd"], pkgConfig: "libzstd"),
  systemLibrary("COpenSSL", apt: ["libssl-dev"], brew: ["openssl@3"], pkgConfig: "libcrypto"),
  systemLibrary("CPostgres", apt: ["libpq-dev"], brew: ["libpq"], pkgConfig: "libpq"),
  .target(name: "Digests", dependencies: ["COpenSSL"]),
  .target(name: "ParquetFiles", dependencies: ["CZstd"]),
  .target(name: "PostgresTables", dependencies: ["CPostgres"]),
  .target(name: "ObjectStorage", dependencies: ["CCurl", "Digests"]),
  .target(name: "RunRecords", dependencies: ["Digests", "ObjectStorage", "Telemetry"]),
  .target(name: "RunComparison", dependencies: ["RunRecords", "Telemetry"]),
  .target(name: "SnapshotReplication", dependencies: ["ObjectStorage", "StreamingRecommender", "Telemetry"]),
  .target(
    name: "InteractionArchives",
    dependencies: ["ParquetFiles", "ObjectStorage", "Pipeline", "StreamingRecommender", "Telemetry", "Timestamps"]),
  .target(name: "Datasets", dependencies: ["CZlib", "Timestamps"]),
  .target(name: "KafkaIngest", dependencies: ["CRdKafka", "Pipeline", "StreamingRecommender", "Telemetry"]),
  .target(
    name: "RedisPublishing", dependencies: ["CHiredis", "Digests", "Pipeline", "ServingFormats", "StreamingRecommender", "Telemetry"]),
  .target(
    name: "Gateway",
    dependencies: [
      "Digests", "RedisPublishing", "HTTPServing", "ItemMetadata", "ServingFormats", "StreamingRecommender", "Factorization",
      "Telemetry",
    ]),
  .target(name: "HTTPRequests", dependencies: ["CCurl", "Telemetry"]),
  .target(name: "ExperimentTracking", dependencies: ["HTTPRequests", "Digests", "Telemetry"]),
  .target(name: "SchemaRegistry", dependencies: ["HTTPRequests", "WireFormats", "StreamingRecommender", "Telemetry"]),
  .target(name: "HTTPServing", dependencies: ["CMicroHTTPD", "Digests", "CZlib", "Telemetry"]),
  // Beside the code that uses them, because a change there would compile the embedded bytes again.
  .target(
    name: "ConsoleFiles",
    resources: ["console.html", "console.css", "console.js", "lookups.js"].map { .embedInCode("Resources/\($0)") }),
  .target(name: "OperatorConsole", dependencies: ["Telemetry"]),
  .target(name: "ControlPlane", dependencies: ["ConsoleFiles", "Digests", "HTTPServing", "Telemetry"]),
  .target(name: "Evaluation", dependencies: ["Pipeline", "StreamingRecommender", "Factorization", "CKernels", "Datasets", "Telemetry"]),
  .executableTarget(
    name: "freshet",
    dependencies: [
      "Pipeline", "StreamingRecommender", "Factorization", "Telemetry", "Datasets", "KafkaIngest", "RedisPublishing", "HTTPServing",
      "ControlPlane", "OperatorConsole", "Gateway", "Evaluation", "Timestamps", "WireFormats", "SchemaRegistry", "ObjectStorage",
      "SnapshotReplication", "InteractionArchives", "ParquetFiles", "PostgresTables", "ItemMetadata",
      "Digests", "RunRecords", "ExperimentTracking", "RunComparison",
      "CZlib",
    ],
    resources: [.copy("Resources/online-retail")]),
  .testTarget(name: "DigestsTests", dependencies: ["Digests"]),
  .testTarget(name: "ParquetFilesTests", dependencies: ["ParquetFiles", "CZstd"]),
  // Writes the files that Tests/Platform reads with other programs.
  .executableTarget(name: "ParquetSamples", dependencies: ["ParquetFiles"], path: "Tests/ParquetSamples"),
  .testTarget(name: "PostgresTablesTests", dependencies: ["PostgresTables"]),
  .target(name: "ObjectStoreTestKit", dependencies: ["ObjectStorage"], path: "Tests/ObjectStoreTestKit"),
  .testTarget(name: "ObjectStorageTests", dependencies: ["ObjectStorage", "Digests", "COpenSSL"], exclude: ["Fixtures"]),
  .testTarget(name: "RunRecordsTests", dependencies: ["RunRecords", "ObjectStorage", "Telemetry"]),
  .testTarget(name: "RunComparisonTests", dependencies: ["RunComparison", "RunRecords", "Telemetry"]),
  .testTarget(
    name: "SnapshotReplicationTests",
    dependencies: ["SnapshotReplication", "ObjectStorage", "ObjectStoreTestKit", "StreamingRecommender", "Telemetry"]),
  .testTarget(
    name: "InteractionArchivesTests",
    dependencies: [
      "InteractionArchives", "ObjectStorage", "ObjectStoreTestKit", "Pipeline", "StreamingRecommender", "RecommenderTestKit", "Telemetry",
    ]),
  .testTarget(name: "DatasetsTests", dependencies: ["Datasets", "Timestamps"]),
  .testTarget(
    name: "KafkaIngestTests", dependencies: ["KafkaIngest", "Pipeline", "StreamingRecommender", "RecommenderTestKit", "Telemetry"]),
  .testTarget(
    name: "RedisPublishingTests",
    dependencies: ["RedisPublishing", "Pipeline", "StreamingRecommender", "RecommenderTestKit", "Telemetry"]),
  .testTarget(
    name: "GatewayTests",
    dependencies: [
      "Gateway", "RedisPublishing", "HTTPServing", "HTTPTestKit", "ItemMetadata", "ServingFormats", "Pipeline", "StreamingRecommender",
      "Factorization",
      "RecommenderTestKit", "Telemetry",
    ]),
  .target(
    name: "RegistryTestKit", dependencies: ["HTTPServing", "RecommenderTestKit", "Telemetry"], path: "Tests/RegistryTestKit"),
  .testTarget(
    name: "SchemaRegistryTests",
    dependencies: [
      "SchemaRegistry", "WireFormats", "RegistryTestKit", "StreamingRecommender", "Telemetry", "RecommenderTestKit",
    ]),
  .testTarget(name: "HTTPRequestsTests", dependencies: ["HTTPRequests", "HTTPServing", "Telemetry"]),
  .testTarget(
    name: "ExperimentTrackingTests", dependencies: ["ExperimentTracking", "Digests", "HTTPRequests", "HTTPServing", "Telemetry"]),
  // Sends the runs that Tests/Platform reads from a server of MLflow.
  .executableTarget(name: "TrackingSample", dependencies: ["ExperimentTracking", "Telemetry"], path: "Tests/TrackingSample"),
  .target(name: "HTTPTestKit", path: "Tests/HTTPTestKit"),
  .testTarget(name: "HTTPServingTests", dependencies: ["HTTPServing", "Digests", "HTTPTestKit", "CZlib", "Telemetry"]),
  .testTarget(name: "OperatorConsoleTests", dependencies: ["OperatorConsole", "Telemetry"]),
  .testTarget(name: "ControlPlaneTests", dependencies: ["ControlPlane", "ConsoleFiles", "HTTPServing", "Telemetry"]),
  .testTarget(
    name: "EvaluationTests",
    dependencies: ["Evaluation", "StreamingRecommender", "Factorization", "Datasets", "RecommenderTestKit"]),
  .testTarget(
    name: "EndToEndTests",
    dependencies: [
      "freshet", "Pipeline", "StreamingRecommender", "Factorization", "Telemetry", "Datasets", "KafkaIngest", "RedisPublishing",
      "HTTPServing", "RecommenderTestKit", "RegistryTestKit", "RunRecords",
    ]),
]

let package = Package(
  name: "freshet",
  products: coreOnly ? [] : [.executable(name: "freshet", targets: ["freshet"])],
  targets: coreOnly ? core : core + full,
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu11
)
