# numapool_own_target(<target>): warnings, sanitizers and LTO, for the project's own code only. Nothing here
# reaches a consumer: every setting is private.

if(NUMAPOOL_LTO)
    include(CheckIPOSupported)
    check_ipo_supported(LANGUAGES CXX)
endif()

if(NOT NUMAPOOL_SANITIZE MATCHES "^(|address,undefined|thread)$")
    message(FATAL_ERROR "NUMAPOOL_SANITIZE is '${NUMAPOOL_SANITIZE}': choose nothing, 'address,undefined' or 'thread'.")
endif()

function(numapool_own_target target)
    set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF INTERPROCEDURAL_OPTIMIZATION ${NUMAPOOL_LTO})
    target_compile_features(${target} PRIVATE cxx_std_20)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
        target_compile_options(${target} PRIVATE -Wno-restrict)  # false alarms on std::string's operator+ (GCC PR 105651)
    endif()
    if(NUMAPOOL_WERROR)
        target_compile_options(${target} PRIVATE -Werror)
    endif()
    if(NUMAPOOL_SANITIZE)
        set(flags -fsanitize=${NUMAPOOL_SANITIZE} -fno-sanitize-recover=all)
        target_compile_options(${target} PRIVATE ${flags} -fno-omit-frame-pointer)
        target_link_options(${target} PRIVATE ${flags})
    endif()
endfunction()
