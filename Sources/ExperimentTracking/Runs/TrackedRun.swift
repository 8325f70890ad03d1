/// One finished piece of work, such as a training or an evaluation, as a server that keeps experiments stores it.
public struct TrackedRun: Sendable {
  public enum Status: Sendable, Equatable { case finished, failed, killed }

  /// A value of a metric at one step of the work.
  public struct Point: Sendable, Equatable {
    public var name: String
    public var step: Int
    public var value: Double
    public var milliseconds: Int64

    public init(_ name: String, step: Int, value: Double, milliseconds: Int64) {
      self.name = name
      self.step = step
      self.value = value
      self.milliseconds = milliseconds
    }
  }

  /// A file that belongs to the run.
  public struct Artifact: Sendable {
    public enum Content: Sendable {
      case bytes([UInt8])
      /// Streamed from this path, so it may be large.
      case file(String)
    }

    /// Where it stands among the artifacts of the run, with `/` between folders.
    public var path: String
    public var content: Content

    public init(_ path: String, _ content: Content) {
      self.path = path
      self.content = content
    }
  }

  /// The model that comes of the run, under a name that outlives it.
  public struct Registration: Sendable, Equatable {
    public var model: String
    /// Moved to the new version of the model; `nil`: the version has none.
    public var alias: String?
    /// An artifact of the run, or a folder of them.
    public var artifactPath: String

    public init(model: String, alias: String? = nil, artifactPath: String) {
      self.model = model
      self.alias = alias
      self.artifactPath = artifactPath
    }
  }

  /// Made if it does not exist.
  public var experiment: String
  public var name: String
  public var status = Status.finished
  public var startedMilliseconds: Int64
  public var endedMilliseconds: Int64
  public var params: [(name: String, value: String)] = []
  /// Those that are not finite are left out.
  public var metrics: [(name: String, value: Double)] = []
  /// Values that have changed during the work.
  public var series: [Point] = []
  public var tags: [(name: String, value: String)] = []
  public var artifacts: [Artifact] = []
  public var registration: Registration?

  public init(experiment: String, name: String, startedMilliseconds: Int64, endedMilliseconds: Int64) {
    self.experiment = experiment
    self.name = name
    self.startedMilliseconds = startedMilliseconds
    self.endedMilliseconds = endedMilliseconds
  }
}
