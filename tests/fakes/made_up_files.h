// Owns: a folder that stands before "/proc" and "/sys", made for a test and removed after it.
// Must not know: what the code under test reads of it.
#pragma once

#include <string>

namespace numapool::fakes {

class MadeUpFiles {
public:
    MadeUpFiles();
    MadeUpFiles(const MadeUpFiles&) = delete;
    MadeUpFiles& operator=(const MadeUpFiles&) = delete;
    ~MadeUpFiles();

    const std::string& root() const noexcept { return root_; }
    /// `path` begins with "/". Makes folders as needed.
    void write(const std::string& path, const std::string& text) const;
    /// A file, or a folder and all in it.
    void remove(const std::string& path) const;

private:
    std::string root_;
};

}  // namespace numapool::fakes
